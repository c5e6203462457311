import { parseRoute } from "../lib/routes";

class Router {
  #url = $state.raw(new URL(window.location.href));
  route = $derived(parseRoute(this.#url.pathname, this.#url.searchParams));

  #play = false;

  constructor() {
    window.addEventListener("popstate", () => (this.#url = new URL(window.location.href)));
    document.addEventListener("click", (event) => this.#follow(event));
  }

  /** Show another page; `replace` leaves no trace in the history, with `play` its player begins to play. */
  go(path: string, { replace = false, play = false }: { replace?: boolean; play?: boolean } = {}): void {
    this.#play = play;
    const url = new URL(path, window.location.href);
    if (url.href === this.#url.href) {
      this.#url = url; // asked again for the same second, say: the pages see a new route
      return;
    }
    window.history[replace ? "replaceState" : "pushState"](null, "", url);
    const moved = url.pathname !== this.#url.pathname;
    this.#url = url;
    if (moved) window.scrollTo(0, 0);
  }

  /** Whether the page that is opened now is to play; true once, so that going back or a reload stays silent. */
  takePlay(): boolean {
    const play = this.#play;
    this.#play = false;
    return play;
  }

  /** Links of the page's own routes are followed without loading the page anew. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
    if (link.pathname.startsWith("/api/") || link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    this.go(link.href);
  }
}

export const router = new Router();
