// lawful
export type Kind = 'A';
