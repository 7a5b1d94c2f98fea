/**
 * `fetch` as people behind a proxy need it: `HTTPS_PROXY` and `NO_PROXY` of `env` are obeyed, as curl obeys them (Node's own
 * fetch ignores them), and a server that says nothing for 30 s is given up.
 */
export function createFetch(
  env: Readonly<Record<string, string | undefined>>,
): (url: string) => Promise<Response> {
  return async (url) => {
    const { proxiedFetch } = await import("./proxied-fetch.ts");
    return proxiedFetch(url, env.HTTPS_PROXY ?? env.https_proxy ?? "", env.NO_PROXY ?? env.no_proxy ?? "");
  };
}
