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
  const resource = `${plural}${group === undefined ? "" : `.${group}`}`;
  const place = namespace === undefined ? "" : ` in namespace ${namespace}`;
  const scope = namespace === undefined ? "" : ` -n ${namespace}`;
  const target = name === undefined ? "" : ` ${name}`;
  const sub = subresource === undefined ? "" : `/${subresource}`;
  return {
    verb,
    object: `${plural}${sub}${target}${place}`,
    canI: `${verb} ${resource}${name === undefined ? "" : `/${name}`}${sub === "" ? "" : ` --subresource=${subresource}`}${scope}`,
  };
}
