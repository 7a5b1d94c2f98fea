/**
 * Waits for something that real processes and sockets bring about, looking again whenever the event loop has turned a
 * while; the limit only decides when a broken test gives up.
 *
 * @throws Error with what was waited for and the last value seen
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() - startedMs > limitMs)
      throw new Error(`gave up waiting for ${what} after ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
