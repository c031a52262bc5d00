// Files that are dropped or chosen: each is uploaded, and followed to its record.

import { byId, el, icon, setText } from "./dom";
import { imageUrl } from "./facts";
import { explain } from "./live";
import { text, type Item } from "./model";
import { ServerError, type Server, type Uploaded } from "./server";
import { bytes, change, count, counted, visible } from "./text";

const AT_ONCE = 3;
const LONG_MS = 60_000;

/** How an upload reaches the gallery. */
export interface Results {
  /** Returns the item of an upload, if its record is there. */
  find(uploaded: Uploaded): Item | undefined;
  open(item: Item): void;
}

export function isOf(item: Item, uploaded: Uploaded): boolean {
  const version = text(item.record, "VersionId");
  return item.key === uploaded.key && (!uploaded.version_id || version === uploaded.version_id);
}

/** One file: a line of the list, from its place in the queue to its result. */
class Upload {
  readonly line = el("li");
  outcome: "ready" | "failed" | null = null;
  isStarted = false;
  isSending = false;
  private uploaded: Uploaded | null = null;
  private readonly state = el("span", { class: "state" });
  private readonly bar: HTMLProgressElement;
  private readonly picture = el("span", { class: "picture" }, icon("image"));

  constructor(
    readonly file: File,
    private readonly results: Results,
    private readonly finished: () => void,
  ) {
    const name = visible(file.name);
    this.bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${name}` });
    const about = el("span", { class: "about" }, el("bdi", { class: "name" }, name), this.bar, this.state);
    this.line.append(this.picture, about);
    setText(this.state, `${bytes(file.size)} · waiting`);
  }

  async send(server: Server): Promise<void> {
    this.isStarted = true;
    this.isSending = true;
    try {
      this.uploaded = await server.upload(this.file, (share) => {
        this.bar.value = share;
        setText(this.state, `${bytes(this.file.size)} · ${Math.floor(share * 100)}% uploaded`);
      });
    } catch (error) {
      this.fail(error instanceof ServerError ? explain(error) : "The file cannot be read.");
      if (error instanceof ServerError && error.isTemporary) this.offerRetry();
      return;
    } finally {
      this.isSending = false;
    }
    this.bar.removeAttribute("value");
    setText(this.state, "Uploaded, being processed…");
    const item = this.results.find(this.uploaded);
    if (item) this.accept(item);
    setTimeout(() => {
      if (!this.outcome) setText(this.state, "Uploaded. Its record takes longer than usual…");
    }, LONG_MS);
  }

  /** Shows the result if the record is that of this upload. */
  accept(item: Item): void {
    if (!this.uploaded || this.outcome || !isOf(item, this.uploaded)) return;
    const button = el("button", { type: "button", class: "quiet" }, "Details");
    button.append(el("span", { class: "unseen" }, ` of ${visible(this.file.name)}`));
    button.addEventListener("click", () => this.results.open(item));
    this.line.append(button);
    if (item.status === "FAILED") {
      const parts = ["FailureReason", "FailureHint"].map((name) => text(item.record, name));
      this.fail(visible(parts.filter(Boolean).join(" ")) || "The image cannot be processed.");
      return;
    }
    const url = imageUrl(item.thumbnails().after);
    if (url) this.picture.replaceChildren(el("img", { src: url, alt: "" }));
    this.end("ready", item.saved === null ? "Ready" : `Ready · ${change(item.saved)}`);
  }

  fail(reason: string): void {
    this.end("failed", reason);
  }

  private offerRetry(): void {
    const button = el("button", { type: "button", class: "quiet" }, "Try again");
    button.append(el("span", { class: "unseen" }, ` to upload ${visible(this.file.name)}`));
    button.addEventListener("click", () => {
      button.remove();
      this.outcome = null;
      this.isStarted = false;
      this.line.className = "";
      this.bar.value = 0;
      this.bar.hidden = false;
      setText(this.state, "Waiting");
      this.finished();
    });
    this.line.append(button);
  }

  private end(outcome: "ready" | "failed", state: string): void {
    this.outcome = outcome;
    this.line.className = outcome;
    this.bar.hidden = true;
    setText(this.state, state);
    this.finished();
  }
}

/** The list of uploads, and the ways that files come into it. */
export class Uploads {
  private readonly list = byId("uploads");
  private readonly state = byId("uploads-state");
  private readonly clear = byId<HTMLButtonElement>("uploads-clear");
  private uploads: Upload[] = [];

  constructor(
    private readonly server: Server,
    private readonly results: Results,
    private readonly limit: number | null,
  ) {
    const input = byId<HTMLInputElement>("files");
    byId("drop").prepend(icon("upload"));
    byId("choose").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      for (const file of input.files ?? []) this.add(file);
      input.value = "";
    });
    this.clear.addEventListener("click", () => {
      this.uploads = this.uploads.filter((upload) => !upload.outcome);
      this.list.replaceChildren(...this.uploads.map((upload) => upload.line));
      this.update();
      byId("choose").focus();
    });
    if (limit !== null) setText(byId("drop-limit"), `Up to ${bytes(limit)} each.`);
    this.acceptDrops();
    window.addEventListener("beforeunload", (event) => {
      if (this.uploads.some((upload) => upload.isSending)) event.preventDefault();
    });
  }

  /** Tells the uploads of a record that has come. */
  accept(item: Item): void {
    for (const upload of this.uploads) upload.accept(item);
  }

  private acceptDrops(): void {
    const mark = (isOver: boolean) => document.body.classList.toggle("dropping", isOver);
    window.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // so that the browser does not open the file instead
      event.dataTransfer.dropEffect = "copy";
      mark(true);
    });
    window.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) mark(false);
    });
    window.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      mark(false);
      for (const item of event.dataTransfer.items) {
        const file = item.getAsFile();
        if (file) this.add(file, item.webkitGetAsEntry()?.isDirectory);
      }
    });
  }

  private add(file: File, isFolder = false): void {
    const upload = new Upload(file, this.results, () => this.update());
    this.uploads.push(upload);
    this.list.append(upload.line);
    if (isFolder) upload.fail("This is a folder. Drop the photographs that are in it.");
    else if (!file.size) upload.fail("The file is empty.");
    else if (this.limit !== null && file.size > this.limit) {
      upload.fail(`The file has ${bytes(file.size)}, more than the ${bytes(this.limit)} that an upload may have.`);
    }
    this.update();
  }

  /** Starts what may start, and says how far all is. */
  private update(): void {
    const sending = this.uploads.filter((upload) => upload.isSending).length;
    const waiting = this.uploads.filter((upload) => !upload.isStarted && !upload.outcome);
    for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - sending))) {
      void upload.send(this.server).then(() => this.update());
    }
    const [ready, failed] = ["ready", "failed"].map(
      (outcome) => this.uploads.filter((upload) => upload.outcome === outcome).length,
    ) as [number, number];
    const parts = [`${count(ready)} of ${counted(this.uploads.length, "upload")} ready`];
    if (failed) parts.push(`${count(failed)} failed`);
    setText(this.state, this.uploads.length ? parts.join(", ") : "");
    this.clear.hidden = !(ready + failed);
    byId("uploads-part").hidden = !this.uploads.length;
  }
}
