import type { VerbRegistry } from "../src/cli/verb.ts";

/** Every verb. Summaries stand here, so that the root help loads none of them; `load` imports one. */
export const registry: VerbRegistry = {
  verbs: {
    demo: {
      summary: "local cluster, mesh and a sample application, with a live table",
      group: "On this machine",
      load: () => import("./demo.ts"),
    },
    dev: {
      summary: "a local cluster: Kubernetes' API and pods as processes of this machine",
      group: "On this machine",
      load: () => import("./dev.ts"),
    },
    install: {
      summary: "print the manifests of an installation",
      group: "Install",
      load: () => import("./install.ts"),
    },
    upgrade: {
      summary: "print the manifests that change an installation",
      group: "Install",
      load: () => import("./upgrade.ts"),
    },
    prune: {
      summary: "print what an installation no longer needs, to delete it",
      group: "Install",
      load: () => import("./prune.ts"),
    },
    uninstall: {
      summary: "print what an installation put into the cluster, to delete it",
      group: "Install",
      load: () => import("./uninstall.ts"),
    },
    inject: {
      summary: "add workloads to the mesh, in their manifests",
      group: "Install",
      load: () => import("./inject.ts"),
    },
    uninject: {
      summary: "take workloads out of the mesh, in their manifests",
      group: "Install",
      load: () => import("./uninject.ts"),
    },
    profile: {
      summary: "print a ServiceProfile: from a template, an OpenAPI document, protobuf or traffic",
      group: "Install",
      load: () => import("./profile.ts"),
    },
    "allow-scrapes": {
      summary: "print policies that let Prometheus scrape the proxies of a namespace",
      group: "Install",
      load: () => import("./allow-scrapes.ts"),
    },
    check: {
      summary: "check the installation for problems",
      group: "Install",
      load: () => import("./check.ts"),
    },
    stat: {
      summary: "success rate, requests, latency and connections of resources",
      group: "Look",
      load: () => import("./stat.ts"),
    },
    top: {
      summary: "the busiest requests, live",
      group: "Look",
      load: () => import("./top.ts"),
    },
    tap: {
      summary: "requests as they happen",
      group: "Look",
      load: () => import("./tap.ts"),
    },
    edges: {
      summary: "which resources talk to which, and whether mutual TLS secures it",
      group: "Look",
      load: () => import("./edges.ts"),
    },
    routes: {
      summary: "success rate, requests and latency by route",
      group: "Look",
      load: () => import("./routes.ts"),
    },
    "stat-inbound": {
      summary: "routes of what came in to a resource",
      group: "Look",
      load: () => import("./stat-inbound.ts"),
    },
    "stat-outbound": {
      summary: "routes of what a resource sent, and the backends they led to",
      group: "Look",
      load: () => import("./stat-outbound.ts"),
    },
    authz: {
      summary: "which authorizations hold for a resource",
      group: "Look",
      load: () => import("./authz.ts"),
    },
    list: {
      summary: "pods with a proxy, and whether it can be tapped",
      group: "Look",
      load: () => import("./list.ts"),
    },
    identity: {
      summary: "certificates of pods",
      group: "Look",
      load: () => import("./identity.ts"),
    },
    diagnostics: {
      summary: "look into control plane and proxies",
      group: "Look",
      aliases: ["dg"],
      load: () => import("./diagnostics.ts"),
    },
    proxy: {
      summary: "the sidecar: every connection of a pod passes through it",
      group: "Processes of the mesh",
      daemon: true,
      load: () => import("./proxy.ts"),
    },
    "proxy-init": {
      summary: "write the rules that redirect a pod's connections to its proxy, and end",
      group: "Processes of the mesh",
      load: () => import("./proxy-init.ts"),
    },
    "control-plane": {
      summary: "the processes that proxies ask: identity, and controller (discovery, policy, injector)",
      group: "Processes of the mesh",
      daemon: true,
      load: () => import("./control-plane.ts"),
    },
    viz: {
      summary: "the views, under the name that they have in Linkerd",
      group: "Look",
      hidden: true,
      load: () => import("./viz.ts"),
    },
    version: {
      summary: "versions of this program, the control plane and the proxies",
      group: "This program",
      load: () => import("./version.ts"),
    },
    completion: {
      summary: "completion script for bash, zsh or fish",
      group: "This program",
      load: () => import("./completion.ts"),
    },
    doc: {
      summary: "this program's own documentation: one page, manual pages, or data",
      group: "This program",
      hidden: true,
      load: () => import("./doc.ts"),
    },
    __complete: {
      summary: "names for completion scripts",
      group: "This program",
      hidden: true,
      load: () => import("./complete.ts"),
    },
    "demo-app": {
      summary: "one service of the sample application",
      group: "Processes of the mesh",
      hidden: true,
      daemon: true,
      load: () => import("./demo-app.ts"),
    },
  },
  later: {
    "install-cni": "installs the CNI plugin",
    multicluster: "links clusters",
    mc: "links clusters",
    jaeger: "shows traces",
    dashboard: "the same views in a browser",
    why: "explains one request from both sides",
  },
};
