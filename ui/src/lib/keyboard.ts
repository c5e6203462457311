/** Is the person typing, so that keys are letters and no commands? */
export function isTyping(target: EventTarget | null): boolean {
  return matches(target, "input, textarea, select, [contenteditable]");
}

/** Does the focused element do something of its own with the space bar? */
export function usesSpace(target: EventTarget | null): boolean {
  return matches(target, "button, a, summary, audio, video, dialog *");
}

function matches(target: EventTarget | null, selector: string): boolean {
  return target instanceof Element && target.closest(selector) !== null;
}
