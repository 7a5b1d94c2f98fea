import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Programs that the bench started: each ends with it. */
export class Children {
  readonly #dir: string;
  readonly #running = new Set<ChildProcess>();

  /** @param dir for what they print */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Where a program's standard error goes. */
  logOf(name: string): string {
    return join(this.#dir, `${name}.log`);
  }

  /** Starts a program whose output goes to its log. */
  startQuiet(name: string, command: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    return this.#spawn(name, command, env, false);
  }

  /** Starts a program whose output somebody reads. */
  start(name: string, command: readonly string[]): ChildProcess {
    return this.#spawn(name, command, process.env, true);
  }

  #spawn(name: string, command: readonly string[], env: NodeJS.ProcessEnv, isRead: boolean): ChildProcess {
    const log = openSync(this.logOf(name), "w");
    const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", isRead ? "pipe" : log, log], env });
    closeSync(log);
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    child.once("error", (error) => {
      process.stderr.write(`bench: ${name}: ${error.message}\n`);
    });
    return child;
  }

  /** Runs a program to its end. @throws when it fails */
  run(name: string, command: readonly string[]): Promise<string> {
    const child = this.start(name, command);
    let text = "";
    child.stdout!.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) =>
        code === 0
          ? resolve(text)
          : reject(new Error(`${name} ended with ${code}: ${text.slice(-300)} (see ${this.logOf(name)})`)),
      );
    });
  }

  /** The next line that a program prints. @throws when it ends before */
  line(name: string, child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const lines = createInterface({ input: child.stdout! });
      const onExit = () => reject(new Error(`${name} ended early: see ${this.logOf(name)}`));
      child.once("exit", onExit);
      lines.once("line", (line) => {
        child.off("exit", onExit);
        lines.close();
        resolve(line);
      });
    });
  }

  /** Ends them all, and waits until they are gone. */
  async stop(): Promise<void> {
    const ends = [...this.#running].map(
      (child) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
          child.once("exit", () => {
            clearTimeout(timer);
            resolve();
          });
          child.kill("SIGTERM");
        }),
    );
    await Promise.all(ends);
  }

  /** The same, from a handler that cannot wait. */
  kill(): void {
    for (const child of this.#running) child.kill("SIGKILL");
  }
}
