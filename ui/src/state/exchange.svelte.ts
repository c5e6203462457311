import { answerEventsUrl, ask, cancelAnswer, getAnswer } from "../api/endpoints";
import { listen } from "../api/events";
import type { Answer, AnswerStatus, Citation, Coverage, Failure } from "../api/types";
import { i18n } from "../i18n/index.svelte";
import { describe, notices } from "./notices.svelte";

const RETRY_MS = 2000;

/** A question and what has come of it so far. */
export class Exchange {
  id = $state<string | null>(null);
  status = $state<AnswerStatus>("running");
  text = $state("");
  citations = $state.raw<Citation[]>([]);
  coverage = $state.raw<Coverage | null>(null);
  provider = $state<string | null>(null);
  model = $state<string | null>(null);
  #failure = $state.raw<Failure | string | null>(null);
  #stop: (() => void) | null = null;
  #left = false;

  constructor(
    readonly key: number,
    readonly question: string,
  ) {}

  /** Why there is no answer, in the language that the page speaks now. */
  get reason(): string | null {
    return this.#failure === null || typeof this.#failure === "string" ? this.#failure : i18n.failure(this.#failure);
  }

  /** Send the question; returns the answer as it begins. */
  async start(media: string[] | null, conversation: string | null): Promise<Answer> {
    const answer = await ask(this.question, media, conversation);
    this.show(answer);
    return answer;
  }

  /** Take a stored answer; one that is still being written is followed from its first word. */
  show(answer: Answer): void {
    const known = this.id !== null;
    this.id = answer.id;
    this.provider = answer.provider;
    this.model = answer.model;
    if (answer.status !== "running") this.#finish(answer);
    else if (!known && !this.#left) this.#listen(answer.id);
  }

  async cancel(): Promise<void> {
    if (this.id === null || this.status !== "running") return;
    try {
      const answer = await cancelAnswer(this.id);
      if (answer.status !== "running") this.#finish(answer); // else the stream tells when it has stopped
    } catch (error) {
      notices.error(error);
    }
  }

  fail(reason: string): void {
    this.#stop?.();
    this.status = "failed";
    this.#failure = reason;
  }

  /** Nobody looks at it any more: the answer goes on, its stream is given back. */
  leave(): void {
    this.#left = true;
    this.#stop?.();
  }

  #listen(id: string): void {
    this.#stop = listen(
      answerEventsUrl(id),
      {
        text: (data) => (this.text += (data as { text: string }).text),
        citation: (data) => this.#cite(data as Citation),
        end: (data) => this.#finish(data as Answer),
      },
      { onClosed: () => void this.#recover(id) },
    );
  }

  #cite(citation: Citation): void {
    const others = this.citations.filter((known) => known.n !== citation.n);
    this.citations = [...others, citation].sort((a, b) => a.n - b.n);
  }

  /** The stored answer is the whole one: it replaces what was streamed. */
  #finish(answer: Answer): void {
    this.#stop?.();
    this.status = answer.status;
    this.text = answer.text || this.text;
    this.citations = answer.citations;
    this.coverage = answer.coverage;
    this.provider = answer.provider;
    this.model = answer.model;
    this.#failure = answer.error;
  }

  /** The stream was refused: the stored answer tells whether there is still something to wait for. */
  async #recover(id: string): Promise<void> {
    try {
      const answer = await getAnswer(id);
      if (answer.status !== "running") return this.#finish(answer);
    } catch (error) {
      return this.fail(describe(error));
    }
    setTimeout(() => {
      if (this.#left || this.status !== "running") return;
      this.text = "";
      this.citations = [];
      this.#listen(id);
    }, RETRY_MS);
  }
}
