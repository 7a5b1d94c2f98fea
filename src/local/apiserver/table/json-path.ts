/**
 * The JSONPath of printer columns: `.spec.a`, `.spec['a.b']`, `.list[0]`, `.list[*].a`, `.conditions[?(@.type=="Ready")].status`.
 *
 * @returns what the path reaches; empty when nothing, or when the path is none of these forms
 */
export function evaluateJsonPath(path: string, root: unknown): readonly unknown[] {
  let values: unknown[] = [root];
  let rest = path
    .trim()
    .replace(/^\{|\}$/g, "")
    .replace(/^\$/, "");
  while (rest !== "") {
    const step = readStep(rest);
    if (!step) return [];
    values = values.flatMap(step.apply);
    rest = rest.slice(step.length);
  }
  return values;
}

interface Step {
  readonly length: number;
  apply(value: unknown): unknown[];
}

function readStep(text: string): Step | undefined {
  const field = /^\.((?:[^.[\]\\]|\\.)+)/.exec(text);
  if (field) {
    const name = field[1]!.replaceAll(/\\(.)/g, "$1");
    return {
      length: field[0].length,
      apply: (value) => (name === "*" ? children(value) : property(value, name)),
    };
  }
  const quoted = /^\.?\[(['"])(.*?)\1\]/.exec(text);
  if (quoted) return { length: quoted[0].length, apply: (value) => property(value, quoted[2]!) };
  const index = /^\.?\[(-?\d+|\*)\]/.exec(text);
  if (index) {
    return {
      length: index[0].length,
      apply: (value) => {
        if (index[1] === "*") return children(value);
        const item = Array.isArray(value) ? (value.at(Number(index[1])) as unknown) : undefined;
        return item === undefined ? [] : [item];
      },
    };
  }
  const filter = /^\.?\[\?\(@((?:\.[\w-]+)+)\s*(==|!=)\s*(['"]?)(.*?)\3\)\]/.exec(text);
  if (filter) {
    const [, path, operator, , wanted] = filter;
    return {
      length: filter[0].length,
      apply: (value) =>
        children(value).filter(
          (item) => (String(evaluateJsonPath(path!, item)[0]) === wanted) === (operator === "=="),
        ),
    };
  }
  return undefined;
}

function property(value: unknown, name: string): unknown[] {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return [];
  const found = (value as Record<string, unknown>)[name];
  return found === undefined ? [] : [found];
}

function children(value: unknown): unknown[] {
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}
