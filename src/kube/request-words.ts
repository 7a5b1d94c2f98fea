/** A request in words, for messages: `list pods in namespace demo`. */
export interface RequestWords {
  readonly verb: string;
  readonly object: string;
  /** Arguments of `kubectl auth can-i`. */
  readonly canI: string;
}

const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Reads verb, resource, namespace and name back from a request; a path of no known shape is quoted as it is. */
export function describeRequest(method: string, path: string): RequestWords {
  const bare = path.split("?")[0]!;
  const match =
    /^\/(?:api\/[^/]+|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/.))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?/.exec(
      bare,
    );
  if (!match) return { verb: method, object: bare, canI: `${method.toLowerCase()} ${bare}` };
  const [, group, namespace, plural, name, subresource] = match;
  let verb = VERBS[method] ?? method.toLowerCase();
  if (verb === "get" && name === undefined) verb = "list";
  if (verb === "delete" && name === undefined) verb = "deletecollection";
  // Connecting to a pod is a "create" of the subresource when it upgrades, but our requests name it by GET.
  const place = namespace === undefined ? "" : ` in namespace ${namespace}`;
  const target = name === undefined ? "" : ` ${name}`;
  const sub = subresource === undefined ? "" : `/${subresource}`;
  return {
    verb,
    object: `${plural}${sub}${target}${place}`,
    canI: canIOf({ verb, group: group ?? "", resource: plural!, name, subresource, namespace }),
  };
}

/** What is asked for, as the API server's authorizer sees it. */
export interface Right {
  readonly verb: string;
  /** "" for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string | undefined;
  readonly name?: string | undefined;
  /** Undefined: the whole cluster. */
  readonly namespace?: string | undefined;
}

/** Kinds that `-A` means nothing to. */
const CLUSTER_SCOPED = new Set([
  "namespaces",
  "nodes",
  "users",
  "groups",
  "clusterroles",
  "clusterrolebindings",
  "customresourcedefinitions",
  "mutatingwebhookconfigurations",
  "validatingwebhookconfigurations",
  "tokenreviews",
  "selfsubjectaccessreviews",
]);

/**
 * Arguments of `kubectl auth can-i` that ask for a right. A subresource goes into its own flag: `pods/proxy` would be a pod of
 * that name. Without a namespace kubectl asks about the context's, so `-A` says that all are meant.
 */
export function canIOf({ verb, group, resource, subresource, name, namespace }: Right): string {
  const full = `${resource}${group === "" ? "" : `.${group}`}${name === undefined ? "" : `/${name}`}`;
  const sub = subresource === undefined ? "" : ` --subresource=${subresource}`;
  const scope = CLUSTER_SCOPED.has(resource) ? "" : namespace === undefined ? " -A" : ` -n ${namespace}`;
  return `${verb} ${full}${sub}${scope}`;
}

/** A line to paste that shows whether the one whom the requests are made as has the right. */
export function canICommand(canI: string, as: string | undefined): string {
  return `kubectl auth can-i ${canI}${as === undefined ? "" : ` --as ${quoteForShell(as)}`}`;
}

function quoteForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
