import { EnvHttpProxyAgent, fetch } from "undici";

const CONNECT_TIMEOUT_MS = 10_000;
const SILENCE_TIMEOUT_MS = 30_000;

/** One request by undici, through `httpsProxy` unless `noProxy` covers the host. Import it lazily: undici is large. */
export async function proxiedFetch(url: string, httpsProxy: string, noProxy: string): Promise<Response> {
  const dispatcher = new EnvHttpProxyAgent({
    // Empty texts switch off what undici would read from the process itself.
    httpProxy: "",
    httpsProxy,
    noProxy,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: SILENCE_TIMEOUT_MS,
    bodyTimeout: SILENCE_TIMEOUT_MS,
    // The command ends when its work is done: no connection is kept.
    pipelining: 0,
  });
  return (await fetch(url, { dispatcher })) as unknown as Response;
}
