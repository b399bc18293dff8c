/** Constitutions and their principles in PostgreSQL. */
import type { Constitution as ConstitutionRow, ConstitutionPrinciple as PrincipleRow } from '../../prisma/__generated__/client.js';
import type { Database, TransactionClient } from '../kernel/database.js';
import type { AttributeDocument, ConstitutionDocument, PrincipleDocument } from './constitution-document.js';
import { constitutionIdOf, principleIdOf, type ConstitutionState } from './domain.js';

export interface StoredConstitution {
  readonly id: string;
  readonly version: number;
  readonly state: ConstitutionState;
  readonly label: string;
  readonly digest: string;
  readonly epoch: number;
  readonly signature: string;
  /** RFC 8785 text that was signed. */
  readonly canonicalText: string;
  readonly activatedAt: string;
  /** The document rebuilt from the rows, as they are now. */
  readonly document: ConstitutionDocument;
}

export interface StoredPrinciple extends PrincipleDocument {
  readonly constitutionId: string;
}

/** What the database accepts under a label. */
export interface AcceptedEpoch {
  readonly state: string;
  readonly digest: string;
}

const INSTALL_LOCK = 'acgs.constitution.install';
const WITH_PRINCIPLES = { principles: { orderBy: { ordinal: 'asc' } } } as const;

export class ConstitutionStore {
  constructor(private readonly database: Database) {}

  /** The constitution in force. */
  active(): Promise<StoredConstitution | null> {
    return this.database.read((prisma) => this.activeWithin(prisma));
  }

  /** The constitution in force as a transaction sees it. */
  async activeWithin(prisma: Pick<TransactionClient, 'constitution'>): Promise<StoredConstitution | null> {
    const row = await prisma.constitution.findFirst({ where: { state: 'ACTIVE' }, include: WITH_PRINCIPLES });
    return row === null ? null : toConstitution(row);
  }

  /** The constitution in force, while nobody else can install one. */
  async lockActive(tx: TransactionClient): Promise<StoredConstitution | null> {
    await tx.$executeRawUnsafe('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', INSTALL_LOCK);
    return this.activeWithin(tx);
  }

  countActive(): Promise<number> {
    return this.database.read((prisma) => prisma.constitution.count({ where: { state: 'ACTIVE' } }));
  }

  /** What the row trigger accepts under a label; null when it knows the label not. */
  async acceptedEpoch(label: string): Promise<AcceptedEpoch | null> {
    const rows = await this.database.read((prisma) => prisma.$queryRawUnsafe<AcceptedEpoch[]>('SELECT state, digest FROM constitutional_ai.constitutional_epoch WHERE label = $1', label));
    return rows[0] ?? null;
  }

  async supersede(tx: TransactionClient, id: string, now: Date): Promise<void> {
    await tx.constitution.update({ where: { id }, data: { state: 'SUPERSEDED', supersededAt: now } });
  }

  async install(tx: TransactionClient, constitution: Omit<StoredConstitution, 'state'>, constitutionalHash: string): Promise<void> {
    const { id, version, label, digest, epoch, signature, canonicalText, activatedAt, document } = constitution;
    await tx.constitution.create({
      data: {
        id, version, label, digest, epoch, signature, canonicalText, activatedAt, constitutionalHash, state: 'ACTIVE',
        title: document.title, documentVersion: document.version, preamble: document.preamble, thresholds: document.thresholds, levels: document.levels,
      },
    });
    await tx.constitutionPrinciple.createMany({
      data: document.principles.map(({ id: code, appliesTo, ...rest }, ordinal) => ({ ...rest, constitutionId: id, code, ordinal, appliesTo: [...appliesTo], constitutionalHash })),
    });
  }

  /** Principles by identifier (`CP-07.v1`). */
  async principlesByIds(ids: readonly string[]): Promise<Map<string, StoredPrinciple>> {
    const wanted = ids.flatMap((id) => {
      const [, code, version] = /^(CP-\d{2,4})\.v(\d{1,9})$/.exec(id) ?? [];
      return code === undefined ? [] : [{ code, constitutionId: constitutionIdOf(Number(version)) }];
    });
    if (wanted.length === 0) return new Map();
    const rows = await this.database.read((prisma) => prisma.constitutionPrinciple.findMany({ where: { OR: wanted } }));
    return new Map(rows.map((row) => [principleIdOf(row.code, row.constitutionId), { ...toPrinciple(row), constitutionId: row.constitutionId }]));
  }
}

// The rows are handed on as they are, checked or not: whether they still are what was signed is for the validation to say.
function toConstitution(row: ConstitutionRow & { principles: PrincipleRow[] }): StoredConstitution {
  return {
    id: row.id, version: row.version, state: row.state as ConstitutionState, label: row.label, digest: row.digest, epoch: row.epoch,
    signature: row.signature, canonicalText: row.canonicalText, activatedAt: row.activatedAt.toISOString(),
    document: {
      title: row.title, version: row.documentVersion, preamble: row.preamble,
      thresholds: row.thresholds as ConstitutionDocument['thresholds'],
      levels: row.levels as ConstitutionDocument['levels'],
      principles: row.principles.map(toPrinciple),
    },
  };
}

function toPrinciple(row: PrincipleRow): PrincipleDocument {
  return {
    id: row.code, title: row.title, category: row.category as PrincipleDocument['category'], kind: row.kind as PrincipleDocument['kind'],
    weight: row.weight, text: row.text, appliesTo: row.appliesTo as PrincipleDocument['appliesTo'],
    attributes: row.attributes as AttributeDocument[], rule: row.rule,
  };
}
