import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  derBitString,
  derContext,
  derContextPrimitive,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derUtf8String,
} from "./der.ts";

const OID_COMMON_NAME = "2.5.4.3";
const OID_EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const OID_SUBJECT_ALT_NAME = "2.5.29.17";
const OID_ECDSA_SHA256 = "1.2.840.10045.4.3.2";
/** GeneralName, dNSName. */
const TAG_DNS_NAME = 2;

/** A new ECDSA P-256 key. */
export function createWorkloadKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/**
 * A certificate signing request (PKCS#10, DER) as identity wants it: CN is the name, one DNS SAN is the name, nothing else.
 *
 * ```
 * SEQUENCE
 *   SEQUENCE                       certificationRequestInfo: what is signed
 *     INTEGER 0
 *     SEQUENCE { SET { SEQUENCE { CN, UTF8String name } } }
 *     SubjectPublicKeyInfo
 *     [0] { SEQUENCE { extensionRequest, SET { SEQUENCE { SEQUENCE { subjectAltName, OCTET STRING } } } } }
 *   SEQUENCE { ecdsa-with-SHA256 }
 *   BIT STRING                     signature
 * ```
 *
 * @see RFC 2986; reference: proxy section 7
 */
export function createCertificateRequest(name: string, key: KeyObject): Buffer {
  const subject = derSequence(derSet(derSequence(derOid(OID_COMMON_NAME), derUtf8String(name))));
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const altNames = derSequence(derContextPrimitive(TAG_DNS_NAME, Buffer.from(name, "ascii")));
  const extensions = derSequence(derSequence(derOid(OID_SUBJECT_ALT_NAME), derOctetString(altNames)));
  const attributes = derContext(0, derSequence(derOid(OID_EXTENSION_REQUEST), derSet(extensions)));
  const info = derSequence(derInteger(0), subject, publicKey, attributes);
  const signature = sign("sha256", info, { key, dsaEncoding: "der" });
  return derSequence(info, derSequence(derOid(OID_ECDSA_SHA256)), derBitString(signature));
}
