import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/** Fields from here on are ours; the public definitions have none. */
const OWN_FROM = 1000;

/**
 * Takes our own fields out of a message and of all messages inside it: what is left is what another implementation understands.
 *
 * @returns what was taken, as `io.linkerd.proxy.outbound.HttpRoute.Rule:1000`; a list counts once for each member, as it is on the wire
 */
export function takeOwnFields<D extends DescMessage>(schema: D, message: MessageShape<D>): string[] {
  return take(reflect(schema, message));
}

function take(message: ReflectMessage): string[] {
  const taken: string[] = [];
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (field.number >= OWN_FROM) {
      // Numbers in a list are packed into one field.
      const count = field.fieldKind === "list" && field.listKind === "message" ? message.get(field).size : 1;
      for (let each = 0; each < count; each++) taken.push(`${message.desc.typeName}:${field.number}`);
      message.clear(field);
    } else if (field.fieldKind === "message") taken.push(...take(message.get(field)));
    else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const each of message.get(field)) taken.push(...take(each as ReflectMessage));
    } else if (field.fieldKind === "map" && field.mapKind === "message") {
      for (const each of message.get(field).values()) taken.push(...take(each as ReflectMessage));
    }
  }
  return taken;
}
