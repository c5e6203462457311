import { ApiError, isAbort } from "../api/client";
import { upload, type Transfer } from "../api/upload";
import { t } from "../i18n/index.svelte";
import { bytes } from "../lib/sizes";
import { library } from "./library.svelte";
import { describe, notices } from "./notices.svelte";
import { system } from "./system.svelte";

const AT_ONCE = 2;

export class Upload {
  sent = $state(0);
  status = $state<"waiting" | "sending" | "failed">("waiting");
  reason = $state("");
  /** May it succeed when it is sent once more? */
  retryable = $state(true);
  #transfer: Transfer | null = null;

  constructor(
    readonly id: number,
    readonly file: File,
  ) {}

  get progress(): number {
    return this.file.size === 0 ? 0 : this.sent / this.file.size;
  }

  async send(): Promise<void> {
    this.status = "sending";
    this.sent = 0;
    const known = new Set(library.items.map((media) => media.id));
    this.#transfer = upload(this.file, (sent) => (this.sent = Math.min(sent, this.file.size)));
    const media = await this.#transfer.done;
    library.put(media);
    if (known.has(media.id)) notices.add(t("upload.known", { file: this.file.name, name: media.name }), "info");
  }

  fail(error: unknown): void {
    this.status = "failed";
    this.reason = describe(error);
    this.retryable = error instanceof ApiError && error.retryable;
  }

  abort(): void {
    this.#transfer?.cancel();
  }
}

/** The files on their way to the service, two at a time; they go on while a person looks at other pages. */
class Uploads {
  #last = 0;
  list = $state<Upload[]>([]);
  active = $derived(this.list.filter((item) => item.status !== "failed"));
  progress = $derived(share(this.active));

  add(files: Iterable<File>): void {
    for (const file of files) {
      const refusal = refuse(file);
      if (refusal) notices.add(refusal);
      else this.list.push(new Upload(++this.#last, file));
    }
    this.#pump();
  }

  retry(item: Upload): void {
    item.status = "waiting";
    this.#pump();
  }

  /** Stop a transfer, or take a failed one off the list. */
  remove(item: Upload): void {
    item.abort();
    this.#drop(item);
  }

  #pump(): void {
    const sending = this.list.filter((item) => item.status === "sending").length;
    const waiting = this.list.filter((item) => item.status === "waiting");
    for (const item of waiting.slice(0, Math.max(0, AT_ONCE - sending))) void this.#run(item);
  }

  async #run(item: Upload): Promise<void> {
    try {
      await item.send();
      this.#drop(item);
    } catch (error) {
      if (!isAbort(error)) {
        item.fail(error);
        notices.error(error, t("upload.failed_named", { name: item.file.name, reason: item.reason }));
      }
    }
    this.#pump();
  }

  #drop(item: Upload): void {
    this.list = this.list.filter((other) => other.id !== item.id);
  }
}

function refuse(file: File): string | null {
  const limit = system.value?.limits.max_upload_bytes ?? null;
  if (file.size === 0) return t("upload.empty", { name: file.name });
  if (limit !== null && file.size > limit) {
    return t("upload.too_large", { name: file.name, size: bytes(file.size), limit: bytes(limit) });
  }
  return null;
}

function share(items: Upload[]): number {
  const total = items.reduce((sum, item) => sum + item.file.size, 0);
  return total === 0 ? 0 : items.reduce((sum, item) => sum + item.sent, 0) / total;
}

export const uploads = new Uploads();
