// The part of @xmpp/client that library-client.ts uses. Its published types do not compile under NodeNext and bring in koa and express.
declare module "@xmpp/client" {
  export interface Element {
    readonly name: string;
    toString(): string;
  }

  /** Parts of a transport class that are replaced. */
  export interface TransportParts {
    Socket: unknown;
    Parser: unknown;
    socketParameters(service: string): { readonly host: string; readonly port: number } | undefined;
  }

  export interface Transport {
    readonly prototype: TransportParts;
    new (): TransportParts;
  }

  export interface Entity {
    transports: Transport[];
    readonly reconnect: { stop(): void };
    /** Requests waiting for their answer. */
    readonly iqCaller: {
      readonly handlers: Map<string, { reject(reason: Error): void }>;
      request(stanza: Element, timeoutMs?: number): Promise<Element>;
    };
    on(event: "error", listener: (error: Error) => void): this;
    on(event: "online", listener: (jid: { toString(): string }) => void): this;
    emit(event: "error", error: Error): boolean;
    connect(service: string): Promise<unknown>;
    open(options: { readonly domain: string }): Promise<unknown>;
  }

  export interface ClientOptions {
    readonly service: string;
    readonly domain: string;
    readonly resource?: string;
    /** Unit: milliseconds. */
    readonly timeout?: number;
    readonly credentials: (
      authenticate: (
        credentials: { readonly username: string; readonly password: string },
        mechanism: string,
      ) => Promise<void>,
    ) => Promise<void>;
  }

  export function client(options: ClientOptions): Entity;
  export function xml(
    name: string,
    attributes: Readonly<Record<string, string>>,
    ...children: (Element | string)[]
  ): Element;
}
