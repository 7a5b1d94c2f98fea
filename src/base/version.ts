/** This build's version. esbuild replaces `__MESHCTL_VERSION__`; from sources it is the development version. */
declare const __MESHCTL_VERSION__: string | undefined;

export const VERSION: string = typeof __MESHCTL_VERSION__ === "string" ? __MESHCTL_VERSION__ : "0.0.0-dev";
