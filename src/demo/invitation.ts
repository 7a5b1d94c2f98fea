/** What to type in a second terminal. Every line can be copied. */
export function renderInvitation(input: {
  readonly kubeconfigPath: string;
  /** `npx meshctl` in a clone, `meshctl` where it is installed. */
  readonly program: string;
  readonly hasKubectl: boolean;
}): string {
  const { kubeconfigPath, program } = input;
  const pods = input.hasKubectl ? "kubectl get pods -n demo" : `${program} dev get pods -n demo`;
  const lines = [
    [`${program} stat deploy -n demo`, "success rate, requests, latency"],
    [`${program} edges deploy -n demo`, "who talks to whom, and is it secured?"],
    [`${program} tap deploy/web -n demo`, "requests as they pass"],
    [`${program} top deploy/web -n demo`, "the busiest requests"],
    [`${program} check`, "is everything as it should be?"],
    [pods, ""],
  ] as const;
  const width = Math.max(...lines.map(([command]) => command.length));
  return [
    "",
    "In a second terminal:",
    "",
    `  export KUBECONFIG=${shellWord(kubeconfigPath)}`,
    ...lines.map(
      ([command, about]) => `  ${about === "" ? command : `${command.padEnd(width)}  # ${about}`}`,
    ),
    "",
    "",
  ].join("\n");
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
