"""Erasing all that somebody owns: it passes through every stage, from the last to the first."""

from __future__ import annotations

from videochat.access.service import AccessService
from videochat.answers.service import AnswerService
from videochat.errors import NotFoundError
from videochat.jobs.service import JobService
from videochat.media.service import MediaService
from videochat.ops.actor import Actor


async def erase(
    actor: Actor, media: MediaService, jobs: JobService, answers: AnswerService, access: AccessService
) -> None:
    """Erase an account's answers, jobs and recordings, and then the account itself.

    The account is disabled first, so that nothing new comes; who is interrupted begins again and finds less to do. Raises
    NotFoundError, and ConflictError for the last administrator.
    """
    await access.change_user(actor.id, disabled=True)
    while conversations := (await answers.conversations(actor)).items:
        for conversation in conversations:
            await answers.delete_conversation(actor, conversation.id)
    while media_page := (await media.list(actor)).items:
        for medium in media_page:
            await jobs.stop_all(actor, medium.id)
            await media.delete(actor, medium.id)
    try:
        await access.remove_user(actor.id)
    except NotFoundError:  # somebody else erased it at the same time
        return
