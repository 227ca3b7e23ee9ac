export interface Account {
  accountSid: string;
  authToken: string;
  primaryProfileSid: string | null;
  numbers: { sid: string; phoneNumber: string }[];
}

export type Fault = "429" | "500" | "502" | "503" | "slow" | "cut-before" | "cut-after";

export interface Entry {
  number: number;
  at: string;
  method: string;
  host: string;
  path: string;
  query: Record<string, string>;
  account: string | null;
  form: Record<string, string>;
  status: number;
  answer: unknown;
  milliseconds: number;
  fault: Fault | null;
  traps: { id: string; says: string }[];
}

export class Sandbox {
  constructor(ready: Record<string, unknown>, stop?: () => Promise<void>);
  readonly ready: Record<string, any>;
  readonly url: string;
  readonly account: Account;
  readonly clock: { now(): Promise<string>; advance(duration: string): Promise<string> };
  readonly outcomes: {
    approve(match?: Record<string, string>, options?: { once?: boolean }): Promise<unknown>;
    reject(
      codes: number[],
      match?: Record<string, string>,
      options?: { because?: string; once?: boolean },
    ): Promise<unknown>;
    hold(match?: Record<string, string>, options?: { once?: boolean }): Promise<unknown>;
    clear(): Promise<unknown>;
  };
  readonly faults: {
    add(
      kind: Fault,
      rule?: {
        method?: string;
        path?: string;
        rate?: number;
        times?: number;
        skip?: number;
        seconds?: number;
      },
    ): Promise<unknown>;
    clear(): Promise<unknown>;
  };
  readonly log: {
    search(wanted?: Record<string, string | number>): Promise<Entry[]>;
    traps(): Promise<string[]>;
    clear(): Promise<unknown>;
  };
  readonly stop: () => Promise<void>;
  reset(account?: Account): Promise<void>;
  dump(): Promise<unknown>;
  load(state: unknown): Promise<void>;
  openAccount(friendlyName?: string): Promise<Account>;
  command(
    method: string,
    door: string,
    body?: unknown,
    query?: Record<string, string>,
  ): Promise<any>;
}

export function start(options?: { command?: string; options?: string[] }): Promise<Sandbox>;
