// The server of a live page: what it is asked, and what its answers mean.

import type { Entry } from "./model";

/** An answer that is an error. With status 0 there was no answer. */
export class ServerError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** Whether asking again cannot help: the token is not the server's. */
  get isRefusal(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

export interface Page {
  readonly entries: readonly Entry[];
  readonly next: string | null;
}

export interface News {
  readonly entries: readonly Entry[];
  readonly place: string;
}

export interface Uploaded {
  readonly key: string;
  readonly version_id: string | null;
}

const TOKEN = "imgctl-token";
const TOKEN_HEADER = "X-Imgctl-Token";
const LONGEST_MS = 60_000; // the server answers a poll after 20 s at the latest

/** Takes the token out of the address, where it could be seen and shared. A reload finds it again. */
export function takeToken(): string | null {
  const given = new URLSearchParams(location.search).get("token");
  if (given !== null) history.replaceState(null, "", location.pathname);
  try {
    if (given !== null) sessionStorage.setItem(TOKEN, given);
    return given ?? sessionStorage.getItem(TOKEN);
  } catch {
    return given; // without storage a reload needs the whole address again
  }
}

export class Server {
  constructor(private readonly token: string) {}

  entries(after: string | null, limit: number): Promise<Page> {
    const query = new URLSearchParams({ limit: String(limit), ...(after === null ? {} : { after }) });
    return this.get(`/api/entries?${query}`);
  }

  news(after: string | null): Promise<News> {
    return this.get(after === null ? "/api/new" : `/api/new?${new URLSearchParams({ after })}`);
  }

  /** Uploads a file; `progress` is called with the share that was sent, from 0 to 1. */
  upload(file: File, progress: (share: number) => void): Promise<Uploaded> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch has no progress of uploads
      request.open("POST", `/api/uploads?${new URLSearchParams({ name: file.name })}`);
      request.setRequestHeader(TOKEN_HEADER, this.token);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) progress(event.loaded / event.total);
      });
      request.addEventListener("load", () => {
        const answer = parse(request.responseText);
        if (request.status === 201) resolve(answer as Uploaded);
        else reject(errorOf(request.status, answer));
      });
      request.addEventListener("error", () => reject(new ServerError(0, "The upload was interrupted.")));
      request.send(file);
    });
  }

  private async get<T>(path: string): Promise<T> {
    let status = 0;
    let body = "";
    try {
      const headers = { [TOKEN_HEADER]: this.token };
      const response = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(LONGEST_MS) });
      status = response.status;
      body = await response.text();
    } catch {
      throw new ServerError(0, "The server does not answer.");
    }
    if (status !== 200) throw errorOf(status, parse(body));
    const answer = parse(body);
    if (answer === null) throw new ServerError(0, "The server's answer is not complete.");
    return answer as T;
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function errorOf(status: number, answer: unknown): ServerError {
  const error = (answer as { error?: { message?: unknown; hint?: unknown } } | null)?.error;
  const message = typeof error?.message === "string" ? error.message : `The server answers with status ${status}.`;
  return new ServerError(status, message, typeof error?.hint === "string" ? error.hint : "");
}
