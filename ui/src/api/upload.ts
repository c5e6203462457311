import { failureOf, unreachable } from "./client";
import type { Media } from "./types";

export interface Transfer {
  done: Promise<Media>;
  cancel: () => void;
}

/**
 * Send a file as the raw body of a request.
 *
 * XMLHttpRequest, because fetch tells nothing about how much of a body has been sent. A cancelled transfer rejects
 * with an AbortError, like a cancelled fetch.
 */
export function upload(file: File, onProgress: (sent: number) => void): Transfer {
  const xhr = new XMLHttpRequest();
  const done = new Promise<Media>((resolve, reject) => {
    xhr.upload.onprogress = (event) => onProgress(event.loaded);
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve(JSON.parse(xhr.responseText) as Media);
      else reject(failureOf(xhr.status, xhr.responseText, xhr.getResponseHeader("Retry-After")));
    };
    xhr.onerror = () => reject(unreachable());
    xhr.onabort = () => reject(new DOMException("The upload was cancelled.", "AbortError"));
  });
  xhr.open("POST", `/api/media?name=${encodeURIComponent(file.name)}`);
  xhr.setRequestHeader("Content-Type", file.type || "application/octet-stream");
  xhr.send(file);
  return { done, cancel: () => xhr.abort() };
}
