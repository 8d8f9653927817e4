import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { OutboxStorageError } from "../errors.ts";

/** Encryption of what an outbox stores: AES-256-GCM with keys of the caller's. */
export interface OutboxEncryption {
  /** Keys by ID, 32 bytes each. Keep old ones here as long as records written with them may be read. IDs: 1 to 64 printable ASCII characters. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /** ID of the key that new records are written with. */
  readonly current: string;
}

/** Encrypts and decrypts records. */
export interface Seal {
  /** @param name Identity of the record: a record that stands in another's place cannot be opened. */
  close(plain: Uint8Array, name: string): Uint8Array;
  /** @throws {OutboxStorageError} the key is not known, or the record is not what was stored. */
  open(stored: Uint8Array, name: string): Uint8Array;
}

// JSON, which every plain record is, begins with another byte
const ENCRYPTED = 2;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = "aes-256-gcm";

/** Creates the seal of an outbox. Without encryption, records are stored as they are; plain records can always be read. */
export function createSeal(encryption: OutboxEncryption | undefined): Seal {
  const keys = new Map(Object.entries(encryption?.keys ?? {}));
  const header = Buffer.from(encryption?.current ?? "", "latin1");
  const current = encryption === undefined ? undefined : keys.get(encryption.current);
  return {
    close(plain, name) {
      if (current === undefined) return plain;
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, current, iv);
      cipher.setAAD(Buffer.from(name));
      const text = cipher.update(plain);
      cipher.final();
      return Buffer.concat([Buffer.of(ENCRYPTED, header.length), header, iv, cipher.getAuthTag(), text]);
    },
    open(stored, name) {
      if (stored[0] !== ENCRYPTED) return stored;
      const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
      const ivAt = 2 + (bytes[1] ?? 0);
      const keyId = bytes.toString("latin1", 2, ivAt);
      const key = keys.get(keyId);
      if (key === undefined) {
        throw new OutboxStorageError(`a record is encrypted with the key "${keyId}": add it to encryption.keys`);
      }
      const textAt = ivAt + IV_BYTES + TAG_BYTES;
      try {
        const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(ivAt, ivAt + IV_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(Buffer.from(name));
        decipher.setAuthTag(bytes.subarray(ivAt + IV_BYTES, textAt));
        return Buffer.concat([decipher.update(bytes.subarray(textAt)), decipher.final()]);
      } catch (cause) {
        throw new OutboxStorageError(
          `a record cannot be decrypted with the key "${keyId}": it was changed, or another key had this ID`,
          cause,
        );
      }
    },
  };
}
