/** Stands for an optional package that the bundle leaves out. */
export default {};
