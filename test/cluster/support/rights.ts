/** What a user may do: rights as `verb group/resource`. */
import { runProcess } from "../../support/run-process.ts";
import { KUBECTL } from "./cluster.ts";

interface RulesReview {
  readonly status: {
    readonly resourceRules: readonly {
      readonly verbs: readonly string[];
      readonly apiGroups?: readonly string[];
      readonly resources?: readonly string[];
    }[];
  };
}

/** What a service account may do in a namespace, beyond what every service account may. */
export async function rightsOf(namespace: string, account: string): Promise<Set<string>> {
  const own = await review(namespace, `system:serviceaccount:${namespace}:${account}`);
  for (const right of await rightsOfAnybody(namespace)) own.delete(right);
  return own;
}

/** What every service account may do there. */
export function rightsOfAnybody(namespace: string): Promise<Set<string>> {
  return review(namespace, `system:serviceaccount:${namespace}:nobody-of-that-name`);
}

async function review(namespace: string, user: string): Promise<Set<string>> {
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  const { stdout } = await runProcess(
    KUBECTL,
    [
      ...["create", "-f", "-", "-o", "json", "--validate=false", `--as=${user}`],
      ...groups.map((group) => `--as-group=${group}`),
    ],
    {
      stdin: JSON.stringify({
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectRulesReview",
        spec: { namespace },
      }),
    },
  );
  const { status } = JSON.parse(stdout) as RulesReview;
  return new Set(
    status.resourceRules.flatMap(({ verbs, apiGroups = [], resources = [] }) =>
      verbs.flatMap((verb) =>
        apiGroups.flatMap((group) => resources.map((resource) => `${verb} ${group}/${resource}`)),
      ),
    ),
  );
}
