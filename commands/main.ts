/**
 * The entry: argv -> command -> exit code. Everything but the version check is loaded afterwards, because an old Node must be
 * able to parse this file in order to say that it is too old.
 */
import * as nodeModule from "node:module";

const NODE_FLOOR = [22, 19];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < NODE_FLOOR[0]! || (major === NODE_FLOOR[0] && minor < NODE_FLOOR[1]!)) {
  process.stderr.write(
    `error: meshctl needs Node ${NODE_FLOOR.join(".")} or newer, and this is ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else {
  // Absent before 22.8, which the check above excludes; harmless where the cache folder cannot be written.
  nodeModule.enableCompileCache();
  main();
}

async function main(): Promise<void> {
  const [{ renderLostOutput, runCli, Stopped }, { createTerminal }, { registry }] = await Promise.all([
    import("../src/cli/run.ts"),
    import("../src/cli/terminal.ts"),
    import("./registry.ts"),
  ]);
  const stop = new AbortController();
  // SIGHUP: the terminal is gone, and what was started in it must not outlive it.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const onSignal = () => {
      // A second one finds no listener and ends the process as the system does.
      process.removeListener(signal, onSignal);
      stop.abort(new Stopped(signal));
    };
    process.on(signal, onSignal);
  }
  const console = createTerminal({
    // Opening it costs time and holds a terminal: only for those who read it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onClosedPipe: () => stop.abort(new Stopped("closed-pipe")),
    onLostOutput: (error) => {
      process.stderr.write(renderLostOutput(error));
      process.exitCode = 1;
      stop.abort(new Stopped("lost-output"));
    },
  });
  // A command lives until it says that it is done. Its own timers may not hold the process (base/clock.ts): without this one, a
  // command that waits for nothing else would end in silence, successfully.
  const hold = setInterval(() => {}, 2 ** 30);
  try {
    process.exitCode = await runCli(process.argv.slice(2), {
      console,
      env: { ...process.env },
      cwd: process.cwd(),
      signal: stop.signal,
      registry,
    });
  } finally {
    clearInterval(hold);
  }
}
