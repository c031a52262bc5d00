// Live mode: entries come from the server, the first ones at once and new ones as they are made.

import { byId, setText } from "./dom";
import type { Entry } from "./model";
import { ServerError, type Server } from "./server";
import { visible } from "./text";

const FIRST = 60;
const OLDER = 120;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

export interface Receiver {
  /** Takes entries that were made after those it has, the newest first. */
  newer(entries: readonly Entry[]): void;
  /** Takes entries that were made before those it has, the newest first. */
  older(entries: readonly Entry[], hasMore: boolean): void;
}

/** Writes an error as one text: what is wrong, and what to do. */
export function explain(error: unknown): string {
  if (!(error instanceof ServerError)) return String(error);
  return visible([error.message, error.hint].filter(Boolean).join(" "));
}

export class Live {
  private readonly state = byId("connection");
  private readonly button = byId<HTMLButtonElement>("load-older");
  private readonly problem = byId("older-problem");
  private next: string | null = null;
  private hasLost = false;

  constructor(
    private readonly server: Server,
    private readonly receiver: Receiver,
  ) {
    this.button.addEventListener("click", () => void this.loadOlder());
  }

  /** Follows the server until it refuses the token. */
  async follow(): Promise<void> {
    try {
      let { place } = await this.patiently(() => this.server.news(null));
      const page = await this.patiently(() => this.server.entries(null, FIRST));
      this.takeOlder(page.entries, page.next);
      for (;;) {
        const news = await this.patiently(() => this.server.news(place));
        place = news.place;
        if (news.entries.length) this.receiver.newer(news.entries);
      }
    } catch (error) {
      this.say(`${explain(error)} Open the URL that \`imgctl gallery\` printed.`, "lost");
    }
  }

  private async loadOlder(): Promise<void> {
    if (this.next === null || this.button.getAttribute("aria-disabled") === "true") return;
    this.button.setAttribute("aria-disabled", "true");
    setText(this.problem, "");
    try {
      const page = await this.server.entries(this.next, OLDER);
      this.takeOlder(page.entries, page.next);
    } catch (error) {
      setText(this.problem, explain(error));
    } finally {
      this.button.removeAttribute("aria-disabled");
    }
  }

  private takeOlder(entries: readonly Entry[], next: string | null): void {
    this.next = next;
    this.button.hidden = next === null;
    this.receiver.older(entries, next !== null);
  }

  /** Asks until there is an answer; throws only if the token is refused. */
  private async patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        const answer = await ask();
        if (this.hasLost) this.say("Connected again.", "found");
        this.hasLost = false;
        return answer;
      } catch (error) {
        if (error instanceof ServerError && error.isRefusal) throw error;
        this.hasLost = true;
        this.say(`Connection lost: ${explain(error)} Trying again…`, "lost");
        await wait(WAITS_MS[Math.min(tries, WAITS_MS.length - 1)] ?? 0);
      }
    }
  }

  private say(text: string, state: "lost" | "found"): void {
    this.state.dataset["state"] = state;
    setText(this.state, text);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    window.addEventListener("online", () => resolve(), { once: true });
  });
}
