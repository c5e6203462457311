"""The bundled recording: `lecture.mp4`, its words (`lecture.txt`) and their times (`lecture.json`).

Made by bench/sample/make_sample.py from drawings and a synthetic voice; free of anybody else's rights.
"""
