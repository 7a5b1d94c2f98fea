/**
 * Waits for the cluster's own network. That a workload has rolled out does not say that its Service leads to it by then, nor that
 * its name resolves: the nodes and the name server hear of it from the API server like everybody else. A meshed client does not
 * depend on the first, for its proxy waits for endpoints.
 */
import { until } from "../../support/until.ts";
import { execIn, LIMIT_MS } from "./cluster.ts";

/** Until a connection from the client's pod to each `host:port` is accepted, by whomever. */
export async function reached(namespace: string, client: string, ...hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    const script = `nc -w 5 ${host.replace(":", " ")} </dev/null >/dev/null 2>&1`;
    await succeeds(`a connection to ${host}`, namespace, client, script);
  }
}

/** Until each name resolves in the client's pod. */
export async function resolved(
  namespace: string,
  client: string,
  ...names: readonly string[]
): Promise<void> {
  for (const name of names) {
    await succeeds(`an address of ${name}`, namespace, client, `nslookup -type=a ${name} >/dev/null 2>&1`);
  }
}

async function succeeds(what: string, namespace: string, client: string, script: string): Promise<void> {
  await until(
    what,
    async () => {
      const { exitCode } = await execIn(namespace, client, ["sh", "-c", script], { expectExit: "any" });
      return exitCode === 0;
    },
    LIMIT_MS,
  );
}
