/**
 * Kubernetes' variable syntax: `$(NAME)` is the variable's value, `$$` is `$`; a reference to nothing stays as it is.
 *
 * @see kubernetes third_party/forked/golang/expansion/expand.go
 */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, escaped: string, name: string | undefined) => {
    if (escaped === "$") return "$";
    return Object.hasOwn(variables, name!) ? variables[name!]! : whole;
  });
}
