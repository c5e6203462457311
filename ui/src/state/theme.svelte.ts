import { recall, remember } from "../lib/memory";

type Scheme = "light" | "dark";

class Theme {
  #chosen = $state<Scheme | null>(null);
  #system = $state<Scheme>("light");
  current = $derived(this.#chosen ?? this.#system);

  constructor() {
    const remembered = recall("theme");
    if (remembered === "light" || remembered === "dark") this.#choose(remembered);
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    this.#system = dark.matches ? "dark" : "light";
    dark.addEventListener("change", () => (this.#system = dark.matches ? "dark" : "light"));
  }

  toggle(): void {
    this.#choose(this.current === "dark" ? "light" : "dark");
    remember("theme", this.current);
  }

  #choose(scheme: Scheme): void {
    this.#chosen = scheme;
    document.documentElement.dataset.theme = scheme;
  }
}

export const theme = new Theme();
