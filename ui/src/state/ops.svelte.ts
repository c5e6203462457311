import { acknowledgeAlert, getAlerts, getResources, getSettings, getSummary, getWorkers, putSetting, resetSetting, silenceAlert, testAlerts } from "../api/endpoints";
import type { Alert, AlertEvent, Moment, Notification, Refused, Resources, Setting, Worker } from "../api/types";
import { feed } from "./feed.svelte";
import { notices } from "./notices.svelte";

const RESOURCES_MS = 5_000;
const SUMMARY_MS = 15_000;

/** How the installation is and was, asked for again and again while somebody looks. */
export class Ops {
  minutes = $state(60);
  moments = $state.raw<Moment[]>([]);
  resources = $state.raw<Resources | null>(null);
  workers = $state.raw<Worker[]>([]);
  settings = $state.raw<Setting[]>([]);
  waiting = $state.raw<string[]>([]);
  refused = $state.raw<Refused[]>([]);
  alerts = $state.raw<Alert[]>([]);
  destinations = $state.raw<string[]>([]);
  alertHistory = $state.raw<AlertEvent[]>([]);

  /** Begin to look; returns what ends it. */
  start(): () => void {
    const timers = [
      setInterval(() => void this.#whileVisible(() => this.loadSummary()), SUMMARY_MS),
      setInterval(() => void this.#whileVisible(() => this.#loadResources()), RESOURCES_MS),
      setInterval(() => void this.#whileVisible(() => this.#loadWorkers()), RESOURCES_MS),
      setInterval(() => void this.#whileVisible(() => this.#loadAlerts()), SUMMARY_MS),
    ];
    const leave = feed.subscribe({ onOpen: () => void this.#loadAll() });
    void this.#loadAll();
    return () => {
      timers.forEach(clearInterval);
      leave();
    };
  }

  async loadSummary(): Promise<void> {
    const asked = this.minutes;
    await this.#quietly(async () => {
      const { moments } = await getSummary(asked);
      if (asked === this.minutes) this.moments = moments; // else a later question has been asked
    });
  }

  /** Change a setting; says whether it was taken. */
  async change(setting: Setting, value: unknown): Promise<boolean> {
    return notices.attempt(async () => this.#replace(await putSetting(setting.name, value)));
  }

  async reset(setting: Setting): Promise<boolean> {
    return notices.attempt(async () => this.#replace(await resetSetting(setting.name)));
  }

  async acknowledge(alert: Alert): Promise<void> {
    await notices.attempt(async () => acknowledgeAlert(alert.name));
    await this.#loadAlerts();
  }

  async silence(alert: Alert, minutes: number): Promise<void> {
    await notices.attempt(async () => silenceAlert(alert.name, minutes));
    await this.#loadAlerts();
  }

  /** Send a test message to everybody who is told of alerts; what became of it, and nothing when it could not be asked for. */
  async testNotifications(): Promise<Notification[]> {
    let outcomes: Notification[] = [];
    await notices.attempt(async () => (outcomes = (await testAlerts()).items));
    return outcomes;
  }

  async #loadAll(): Promise<void> {
    await Promise.all([this.loadSummary(), this.#loadResources(), this.#loadWorkers(), this.#loadSettings(), this.#loadAlerts()]);
  }

  async #loadResources(): Promise<void> {
    await this.#quietly(async () => (this.resources = await getResources()));
  }

  async #loadWorkers(): Promise<void> {
    await this.#quietly(async () => (this.workers = (await getWorkers()).items));
  }

  async #loadAlerts(): Promise<void> {
    await this.#quietly(async () => {
      const { items, destinations, history } = await getAlerts();
      this.alerts = items;
      this.destinations = destinations;
      this.alertHistory = history;
    });
  }

  async #loadSettings(): Promise<void> {
    await notices.attempt(async () => {
      const { items, waiting, refused } = await getSettings();
      this.settings = items;
      this.waiting = waiting;
      this.refused = refused;
    });
  }

  #replace(changed: Setting): void {
    this.settings = this.settings.map((one) => (one.name === changed.name ? changed : one));
  }

  async #whileVisible(load: () => Promise<void>): Promise<void> {
    if (document.visibilityState === "visible") await load();
  }

  /** What is asked for again in seconds need not be complained about; the banner says when there is no connection. */
  async #quietly(load: () => Promise<unknown>): Promise<void> {
    try {
      await load();
    } catch (error) {
      console.warn(error);
    }
  }
}
