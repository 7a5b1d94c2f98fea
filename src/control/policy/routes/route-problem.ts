/** What in a route cannot be served. The route's status carries it, and the route is left out. */
export class RouteProblem extends Error {
  /** Where it is: `spec.rules[0].filters[1]`. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.name = "RouteProblem";
    this.field = field;
  }
}
