type Listeners = Record<string, (data: unknown) => void>;

/**
 * Listen to an event stream; the returned function closes it.
 *
 * The browser reconnects by itself with Last-Event-ID after a broken connection. After a refused one (a restarting
 * proxy answers 502, say) it gives up: `onClosed` tells so, and the caller decides what to do.
 */
export function listen(url: string, listeners: Listeners, hooks: { onOpen?: () => void; onBroken?: () => void; onClosed?: () => void } = {}): () => void {
  const source = new EventSource(url);
  source.onopen = () => hooks.onOpen?.();
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) hooks.onClosed?.();
    else hooks.onBroken?.();
  };
  for (const [name, listener] of Object.entries(listeners)) {
    source.addEventListener(name, (event) => {
      if (typeof event.data === "string") listener(JSON.parse(event.data));
    });
  }
  return () => source.close();
}
