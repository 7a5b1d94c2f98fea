/** The API server that KUBECONFIG names, for tests that stand between it and a client. */
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { kubectl } from "./cluster.ts";

export interface ApiServer {
  readonly url: URL;
  readonly ca: string | undefined;
  /** As the administrator of KUBECONFIG, with its client certificate. */
  readonly asAdmin: Agent;
}

interface KubeConfigView {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly "certificate-authority-data"?: string };
  }[];
  readonly users: readonly {
    readonly user: { readonly "client-certificate-data"?: string; readonly "client-key-data"?: string };
  }[];
}

export async function findApiServer(): Promise<ApiServer> {
  const { stdout } = await kubectl(["config", "view", "--minify", "--raw", "--flatten", "-o", "json"]);
  const view = JSON.parse(stdout) as KubeConfigView;
  const { server, "certificate-authority-data": caData } = view.clusters[0]!.cluster;
  const { "client-certificate-data": cert, "client-key-data": key } = view.users[0]!.user;
  const ca = decode(caData);
  const trust = ca === undefined ? {} : { ca };
  return {
    url: new URL(server),
    ca,
    asAdmin: new Agent({
      ...trust,
      ...(cert && key ? { cert: decode(cert)!, key: decode(key)! } : {}),
      keepAlive: true,
    }),
  };
}

export function openRequest(server: ApiServer, agent: Agent, options: RequestOptions) {
  const { hostname, port } = server.url;
  return httpsRequest({ ...options, agent, host: hostname, port: port || 443 });
}

function decode(data: string | undefined): string | undefined {
  return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
}
