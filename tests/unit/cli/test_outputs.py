"""Where transcripts go."""

from __future__ import annotations

from pathlib import Path

import pytest

from videochat.cli.outputs import Output, chosen_format, outputs
from videochat.errors import InvalidError, StorageError, UnsupportedError

TWO = ["a/talk.mp4", "b/other.mp4"]


def test_one_recording_is_written_as_it_is() -> None:
    """Without -o it goes to stdout without a heading, with it into that file, also one of an odd name."""
    assert outputs(["talk.mp4"], "srt", None) == [Output()]
    assert outputs(["talk.mp4"], "srt", "x.odd") == [Output(Path("x.odd"))]
    assert outputs(["talk.mp4"], "json", None) == [Output()]
    assert outputs(["talk.mp4"], "json", None, one_line=True) == [Output(one_line=True)]


def test_a_folder_takes_one_recording_too(tmp_path: Path) -> None:
    """A folder that is there gets a file named after the recording."""
    assert outputs(["a/talk.mp4"], "srt", str(tmp_path)) == [Output(tmp_path / "talk.srt")]


def test_several_on_stdout_can_be_told_apart() -> None:
    """Text has headings, JSON an object a line, and Markdown a title of its own."""
    assert outputs(TWO, "txt", None) == [Output(heading="a/talk.mp4"), Output(heading="b/other.mp4")]
    assert outputs(TWO, "json", None) == [Output(one_line=True)] * 2
    assert outputs(TWO, "md", None) == [Output()] * 2


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_several_do_not_become_one_subtitle_file(form: str) -> None:
    """Numbers and times would start again in the middle; the error says how to do it."""
    with pytest.raises(UnsupportedError, match="-o FOLDER"):
        outputs(TWO, form, None)


def test_several_do_not_go_into_a_file(tmp_path: Path) -> None:
    """What looks like a file or is one gets no folder in its place."""
    (tmp_path / "there").touch()
    for out in ("ok.srt", "ok.TXT", "there"):
        with pytest.raises(InvalidError, match=f"-o {tmp_path / out} names a file, and there are 2 recordings"):
            outputs(TWO, "srt", str(tmp_path / out))


def test_several_go_into_a_folder(tmp_path: Path) -> None:
    """A new folder, one with a point in its name, and one that is there whatever it is called."""
    (tmp_path / "odd.srt").mkdir()
    for folder in ("new", "v1.2", "odd.srt"):
        written = [output.file for output in outputs(TWO, "srt", str(tmp_path / folder))]
        assert written == [tmp_path / folder / "talk.srt", tmp_path / folder / "other.srt"]


def test_recordings_of_one_name_get_files_of_their_own() -> None:
    """Other folders, other extensions, other case, the same file again, and a name that looks numbered."""
    names = ["a/talk.mp4", "b/talk.mp4", "talk.wav", "Talk.ogg", "talk-2.mp4"]
    written = [str(output.file) for output in outputs(names, "md", "out")]
    assert written == ["out/talk.md", "out/talk-2.md", "out/talk-3.md", "out/Talk-4.md", "out/talk-2-2.md"]


def test_a_recording_is_never_overwritten(tmp_path: Path) -> None:
    """Neither by its own name, nor through a link, nor by a folder in which the transcript would have its name."""
    recording = tmp_path / "b.txt"  # the name of a transcript does not make it one
    recording.write_bytes(b"sound")
    (tmp_path / "link.txt").symlink_to(recording)
    for out in (str(recording), f"{tmp_path}/link.txt", str(tmp_path), f"{tmp_path}/./b.txt"):
        with pytest.raises(InvalidError, match="is a recording that is to be read"):
            outputs([str(recording)], "txt", out)
    assert recording.read_bytes() == b"sound"


def test_only_transcripts_are_replaced(tmp_path: Path) -> None:
    """What `-o *.wav` makes of a shell's list costs no recording, nor does a link with the name of a transcript."""
    for name in ("a.wav", "notes.pdf", "noext", "old.srt", "OLD.TXT"):
        (tmp_path / name).touch()
    (tmp_path / "link.srt").symlink_to(tmp_path / "a.wav")
    for name in ("a.wav", "notes.pdf", "noext", "link.srt"):
        with pytest.raises(InvalidError, match="exists and is not called like a transcript"):
            outputs(["b.wav"], "srt", str(tmp_path / name))
    for name in ("old.srt", "OLD.TXT"):
        assert outputs(["b.wav"], "srt", str(tmp_path / name)) == [Output(tmp_path / name)]


def test_a_slash_at_the_end_means_a_folder(tmp_path: Path) -> None:
    """Also where it is not there yet and is called like a file."""
    for folder in ("new/", "x.srt/"):
        assert outputs(["a/talk.mp4"], "md", f"{tmp_path}/{folder}") == [Output(tmp_path / folder / "talk.md")]
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file is not a folder"):
        outputs(["talk.mp4"], "md", f"{tmp_path}/file/")


def test_a_place_that_cannot_be_written_is_named_before_any_work(tmp_path: Path) -> None:
    """Below a file there is no folder; `/dev/null` takes everything."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=rf"^{tmp_path}/file/new/x\.txt cannot be written: {tmp_path}/file is not"):
        outputs(["talk.mp4"], "txt", f"{tmp_path}/file/new/x.txt")
    assert outputs(["talk.mp4"], "txt", "/dev/null") == [Output(Path("/dev/null"))]


@pytest.mark.parametrize(
    ("form", "out", "chosen"),
    [
        (None, None, "txt"),
        (None, "x.SRT", "srt"),
        ("md", "x.md", "md"),
        (None, "x.odd", "txt"),
        ("vtt", "x.srt/", "vtt"),
    ],
)
def test_the_name_says_the_format(form: str | None, out: str | None, chosen: str) -> None:
    """What -f leaves open the file's name decides; the name of a folder decides nothing."""
    assert chosen_format(form, out) == chosen


def test_format_and_name_do_not_contradict_each_other() -> None:
    """A player would choke on text that is called subtitles."""
    with pytest.raises(InvalidError, match=r"-o x.srt names a srt file, and json was asked for"):
        chosen_format("json", "x.srt")
    with pytest.raises(UnsupportedError, match="no format 'docx'"):
        chosen_format("docx", None)
