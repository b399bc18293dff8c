/** Teams and whom to reach for what. Pure. */

export type ContactKind = 'ON_CALL' | 'ESCALATION' | 'SPECIALIST' | 'EMERGENCY_LINE';

export type Team = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
};

export type Contact = {
  readonly id: string;
  readonly teamId: string;
  readonly ordinal: number;
  readonly title: string;
  readonly kind: ContactKind;
  readonly purpose: string;
  readonly principalId: string | null;
  readonly address: string | null;
  readonly version: number;
};

/** Team whose primary is paged when no team is named. */
export const DEFAULT_TEAM = 'platform-team';

const ADDRESS = /^(?:\+?[0-9][0-9 ()/.-]{2,30}|[^\s@]+@[^\s@]+\.[^\s@]+|https?:\/\/\S+)$/;

/** True for a telephone number, an e-mail address or a URL. */
export function isAddress(text: string): boolean {
  return text.length <= 300 && ADDRESS.test(text);
}
