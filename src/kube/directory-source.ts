import { type Dirent, type FSWatcher, readdirSync, readFileSync, statSync, watch } from "node:fs";
import { join, relative } from "node:path";
import type { Clock, Timer } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import type { Logger } from "../base/log.ts";
import { parseManifest } from "./manifest-documents.ts";
import type { ResourceRef, Source, SourceEvent } from "./source.ts";

export interface DirectorySourceOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Not every file system tells of changes: it is looked at this often in any case. */
const LOOK_MS = 1000;
/** Kinds without a namespace; others that leave theirs out are in `default`. */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set(["Namespace", "Node"]);
/** Editors write a file in several steps. */
const SETTLE_MS = 50;
const EXTENSIONS = /\.(ya?ml|json)$/;

interface ReadFile {
  readonly stamp: string;
  readonly objects: readonly KubeObject[];
}

interface Held {
  readonly text: string;
  readonly object: KubeObject;
}

interface Reader {
  readonly resource: ResourceRef;
  readonly listener: (event: SourceEvent) => void;
}

/**
 * Objects of the YAML and JSON files in a directory and those below it, names that begin with a dot aside.
 *
 *     unread --run--> looking --a file's stamp differs--> reading it --> apply, delete
 *                      ^  every second, and when the system tells of a change  |
 *                      +-------------------------------------------------------+
 *
 * A file that cannot be read keeps the objects that it had, and the log says what is wrong with it. An object that two files have is
 * the first file's, by name.
 *
 * `run` rejects with MeshError `SOURCE_UNREADABLE` when the directory cannot be read at the start.
 */
export class DirectorySource implements Source {
  readonly #options: DirectorySourceOptions;
  readonly #files = new Map<string, ReadFile>();
  #objects = new Map<string, Held>();
  readonly #readers = new Set<Reader>();
  #version = 0;
  #hasLooked = false;
  #timer: Timer | undefined;
  #watcher: FSWatcher | undefined;

  constructor(options: DirectorySourceOptions) {
    this.#options = options;
  }

  /** Versions are those of the files: `resource` names group and kind. */
  async run(
    resource: ResourceRef,
    listener: (event: SourceEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return;
    const reader = { resource, listener };
    if (!this.#hasLooked) this.#look();
    listener({ type: "init" });
    for (const { object } of this.#objects.values()) {
      if (isOf(resource, object)) listener({ type: "init-apply", object });
    }
    listener({ type: "init-done" });
    this.#readers.add(reader);
    if (this.#readers.size === 1) this.#start();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#stop();
  }

  #start(): void {
    const { clock, directory } = this.#options;
    try {
      this.#watcher = watch(directory, { recursive: true, persistent: false }, () =>
        this.#lookAfter(SETTLE_MS),
      );
      this.#watcher.on("error", () => {
        // Looking every second goes on.
      });
    } catch {
      // The same: some systems and file systems have no watchers.
    }
    this.#timer = clock.schedule(LOOK_MS, this.#lookAgain);
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#watcher?.close();
  }

  #lookAfter(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(delayMs, this.#lookAgain);
  }

  readonly #lookAgain = (): void => {
    try {
      this.#look();
    } catch (error) {
      // What was read stays until the directory is back.
      this.#options.log.warn((error as Error).message);
    }
    if (this.#readers.size > 0) this.#lookAfter(LOOK_MS);
  };

  #look(): void {
    const isChanged = this.#readFiles();
    this.#hasLooked = true;
    if (!isChanged) return;
    const { log } = this.#options;
    const before = this.#objects;
    const objects = new Map<string, Held>();
    for (const file of [...this.#files.keys()].sort()) {
      for (const object of this.#files.get(file)!.objects) {
        const key = keyOf(object);
        if (objects.has(key)) log.warn("object is in two files: the first counts", { object: key, file });
        else objects.set(key, this.#hold(key, object, before));
      }
    }
    this.#objects = objects;
    for (const [key, { object }] of before) if (!objects.has(key)) this.#tell({ type: "delete", object });
    for (const [key, held] of objects) {
      if (before.get(key) !== held) this.#tell({ type: "apply", object: held.object });
    }
  }

  /** What is written anew as it was stays the same object. */
  #hold(key: string, object: KubeObject, before: ReadonlyMap<string, Held>): Held {
    const text = JSON.stringify(object);
    const known = before.get(key);
    if (known?.text === text) return known;
    const metadata = { uid: key, ...object.metadata, resourceVersion: String(++this.#version) };
    return { text, object: { ...object, metadata } };
  }

  #tell(event: SourceEvent & { readonly object: KubeObject }): void {
    for (const { resource, listener } of this.#readers) {
      if (!isOf(resource, event.object)) continue;
      try {
        listener(event);
      } catch (error) {
        const { message } = error as Error;
        this.#options.log.error("object cannot be used", { object: keyOf(event.object), error: message });
      }
    }
  }

  /** @returns whether a file is new, different or gone */
  #readFiles(): boolean {
    const { directory, log } = this.#options;
    let isChanged = false;
    const present = new Set<string>();
    for (const file of this.#list(directory)) {
      const name = relative(directory, file);
      present.add(name);
      const stamp = stampOf(file);
      const known = this.#files.get(name);
      if (stamp === undefined || known?.stamp === stamp) continue;
      isChanged = true;
      try {
        this.#files.set(name, { stamp, objects: readObjects(file, name) });
        log.info("file read", { file: name });
      } catch (error) {
        this.#files.set(name, { stamp, objects: known?.objects ?? [] });
        log.warn("file cannot be read: what it said before stays", {
          file: name,
          error: (error as Error).message,
        });
      }
    }
    for (const name of [...this.#files.keys()]) {
      if (present.has(name)) continue;
      this.#files.delete(name);
      isChanged = true;
      log.info("file is gone", { file: name });
    }
    return isChanged;
  }

  #list(directory: string): string[] {
    let entries: Dirent[];
    try {
      entries = readdirSync(directory, { withFileTypes: true });
    } catch (cause) {
      // A folder that is gone has no files; that the whole directory cannot be read must not look like that.
      if (directory !== this.#options.directory) return [];
      throw new MeshError({
        kind: "environment",
        code: "SOURCE_UNREADABLE",
        message: `directory ${directory} cannot be read: ${systemErrorCode(cause) ?? String(cause)}`,
        hint: "name a directory of YAML files with --from",
        cause,
      });
    }
    return entries.flatMap((entry) => {
      if (entry.name.startsWith(".")) return [];
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return this.#list(path);
      return EXTENSIONS.test(entry.name) ? [path] : [];
    });
  }
}

function readObjects(file: string, name: string): KubeObject[] {
  return parseManifest(readFileSync(file, "utf8"), name).map(({ object }) => {
    const namespace = CLUSTER_SCOPED.has(object.kind) ? {} : { namespace: "default" };
    return { ...object, metadata: { ...namespace, ...object.metadata } };
  });
}

function stampOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat && `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
}

function isOf({ group, kind }: ResourceRef, object: KubeObject): boolean {
  const slash = object.apiVersion.indexOf("/");
  return object.kind === kind && (slash < 0 ? "" : object.apiVersion.slice(0, slash)) === group;
}

function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  const group = apiVersion.includes("/") ? `${apiVersion.split("/")[0]}/` : "";
  return `${group}${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}
