// Loaded into a proxy under test (`--require`): answers over the process's IPC channel what it holds. The proxy knows nothing of it.
process.on("message", (message) => {
  if (message !== "held") return;
  // Twice, with turns between: finalizers of sockets and streams run after the first.
  globalThis.gc();
  setImmediate(() => {
    globalThis.gc();
    const resources = {};
    for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
    const { heapUsed, external } = process.memoryUsage();
    process.send({ heapBytes: heapUsed, bufferBytes: external, resources });
  });
});
// The channel alone must not keep the proxy alive.
process.channel.unref();
