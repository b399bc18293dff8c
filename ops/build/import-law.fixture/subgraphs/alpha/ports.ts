// lawful
export interface Clock { now(): number }
