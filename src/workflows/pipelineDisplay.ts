/** What people see of a pipeline in Temporal: its search attributes, its current details, and the query `status`. */
import * as wf from '@temporalio/workflow';
import type { PipelineStage } from '../domain/pipeline.ts';
import { type Block, describeError } from '../domain/pipelineSteps.ts';
import { type PipelineStatus, SEARCH_ATTRIBUTE_KEYS, statusQuery } from './contracts.ts';
import { ACTION_FORM } from './operatorActions.ts';

export interface DisplayedBlock {
  block: Block;
  /** When the blocked step is due, epoch ms; 0 or absent where that is not known. */
  dueAt?: number;
  /** The workflow that is blocked, where it is another one. */
  workflowId?: string;
}

export class PipelineDisplay {
  private stageNow: PipelineStage;
  private waitingFor = 'its first step';
  private since = new Date();
  private readonly blockNow: () => DisplayedBlock | null;

  /** Sets the handler of the query `status`. */
  constructor(stage: PipelineStage, blockNow: () => DisplayedBlock | null) {
    this.stageNow = stage;
    this.blockNow = blockNow;
    const description =
      'Where this pipeline stands: stage, what it waits for, since when, failed attempts, last error, next try.';
    wf.setHandler(statusQuery, () => this.status(), { description });
  }

  get stage(): PipelineStage {
    return this.stageNow;
  }

  setStage(next: PipelineStage): void {
    if (next === this.stageNow) return;
    this.stageNow = next;
    this.since = new Date();
    wf.upsertSearchAttributes([{ key: SEARCH_ATTRIBUTE_KEYS.pipelineStage, value: next }]);
    this.describe();
  }

  /** Says in plain words what comes now. */
  describeWait(words: string): void {
    if (words === this.waitingFor) return;
    this.waitingFor = words;
    this.since = new Date();
    this.describe();
  }

  /** Updates the search attributes and the details after a change of the block. */
  updateBlock(now: Block | null, before: Block | null): void {
    if ((now?.needsAttention ?? false) !== (before?.needsAttention ?? false) || now?.blockedOn !== before?.blockedOn)
      wf.upsertSearchAttributes([
        { key: SEARCH_ATTRIBUTE_KEYS.needsAttention, value: now?.needsAttention ?? false },
        { key: SEARCH_ATTRIBUTE_KEYS.blockedOn, value: now?.blockedOn ?? null },
      ]);
    this.describe();
  }

  private status(): PipelineStatus {
    const shown = this.blockNow();
    return {
      stage: this.stageNow,
      waitingFor: this.waitingFor,
      since: this.since.toISOString(),
      blockedOn: shown?.block.blockedOn ?? null,
      needsAttention: shown?.block.needsAttention ?? false,
      attempts: shown?.block.attempts ?? 0,
      lastError: shown?.block.reason ?? null,
      nextTryAt: shown?.dueAt ? new Date(shown.dueAt).toISOString() : null,
    };
  }

  private describe(): void {
    const lines = [
      `**Stage** ${this.stageNow}`,
      `**Waiting for** ${this.waitingFor}, since ${this.since.toISOString()}`,
    ];
    const shown = this.blockNow();
    if (shown) lines.push(...describeBlock(shown));
    wf.setCurrentDetails(lines.join('\n\n'));
  }
}

function describeBlock({ block, dueAt, workflowId }: DisplayedBlock): string[] {
  const { blockedOn, attempts } = block;
  const next = dueAt ? ` The next try is at ${new Date(dueAt).toISOString()}.` : '';
  const where = workflowId ? ` in \`${workflowId}\`` : '';
  const orMore = workflowId ? ' or more' : '';
  return [
    `**Blocked on** ${blockedOn}${where}: ${describeError(block)}, ${attempts} failed ${attempts === 1 ? 'attempt' : 'attempts'}${orMore}. It goes on trying by itself.${next}`,
    `An operator can send the Update \`retry\` to try now, or \`skip\` to give this step up; no data is needed, \`${ACTION_FORM}\` goes into the audit log.`,
  ];
}
