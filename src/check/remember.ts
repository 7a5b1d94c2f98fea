import type { KubeClient, RequestOptions } from "../kube/client.ts";

/** A client that asks each thing once, until it is told to forget. */
export interface RememberingClient {
  readonly client: KubeClient;
  forget(): void;
}

/** Many checks look at the same lists: each is asked for once a run, and again only when a check waits for a change. */
export function rememberGets(kube: KubeClient): RememberingClient {
  const answers = new Map<string, Promise<unknown>>();
  return {
    client: {
      server: kube.server,
      namespace: kube.namespace,
      context: kube.context,
      as: kube.as,
      raw: (method, path, options) => kube.raw(method, path, options),
      stream: (path, options) => kube.stream(path, options),
      portForward: (namespace, pod, port, signal) => kube.portForward(namespace, pod, port, signal),
      close: () => kube.close(),
      request: <T>(method: string, path: string, options?: RequestOptions): Promise<T> => {
        if (method !== "GET") return kube.request<T>(method, path, options);
        const key = `${path} ${JSON.stringify(options?.query ?? {})}`;
        let answer = answers.get(key);
        if (!answer) answers.set(key, (answer = kube.request<T>(method, path, options)));
        return answer as Promise<T>;
      },
    },
    forget: () => answers.clear(),
  };
}
