import { Button, FileInput, Modal, TextInput } from '@mantine/core';
import { useEffect, useRef, useState, type ReactElement, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Volume } from '../../../src-engine/contract/index.ts';
import { explain, requestId, rpc, useLive } from '../../client/index.ts';
import { Callout, CopyButton, Facts, Meter, saveBlob, units, useStale } from '../../shared/index.ts';
import type { SheetProps } from './TopologySheets.tsx';
import shared from '../../shared/shared.module.css';
import { base64Of, bytesOf } from './base64.ts';

const CHUNK_BYTES = 2 ** 20;
/** A file that is read comes together in the browser before it is saved. */
const MOST_READ_BYTES = 2 ** 31;

type Run =
  | { state: 'idle' }
  | { state: 'running'; done: number; total: number; since: number }
  | { state: 'done'; done: number }
  | { state: 'stopped'; done: number }
  | { state: 'failed'; done: number; problem: string };

/** Moves a volume's content piece by piece over the connection of the console: the same on both hosts. */
function useRun(): {
  run: Run;
  start(total: number, step: (offset: number) => Promise<number>, end?: () => void): void;
  stop(): void;
} {
  const [run, setRun] = useState<Run>({ state: 'idle' });
  const stopped = useRef(false);
  useEffect(() => () => void (stopped.current = true), []);
  const go = async (total: number, step: (offset: number) => Promise<number>, end?: () => void): Promise<void> => {
    stopped.current = false;
    let done = 0;
    const since = performance.now();
    try {
      while (done < total) {
        setRun({ state: 'running', done, total, since });
        done += await step(done);
        if (stopped.current) return setRun({ state: 'stopped', done });
      }
      end?.();
      setRun({ state: 'done', done });
    } catch (error) {
      setRun({ state: 'failed', done, problem: explain(error) });
    }
  };
  return {
    run,
    start: (total, step, end) => void go(total, step, end),
    stop: () => {
      stopped.current = true;
    },
  };
}

interface FrameProps {
  title: string;
  lead: string;
  actionLabel: string;
  command: string;
  volume: Volume;
  run: Run;
  running: string;
  doneText(done: number): string;
  ready: boolean;
  danger: boolean;
  children: ReactNode;
  onStart(): void;
  onStop(): void;
  onClose(): void;
}

function Frame(props: FrameProps): ReactElement {
  const { title, lead, actionLabel, command, volume, run, running, doneText, ready, danger, children } = props;
  const { t } = useTranslation();
  const stale = useStale();
  const busy = run.state === 'running';
  const rate = run.state === 'running' ? (1000 * run.done) / Math.max(1, performance.now() - run.since) : 0;
  return (
    <Modal
      opened
      onClose={busy ? () => undefined : props.onClose}
      title={title}
      size="lg"
      centered
      closeOnClickOutside={false}
      withCloseButton={!busy}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <form
        className={shared['sheet']}
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy && !stale) props.onStart();
        }}
      >
        <p className="dim">{lead}</p>
        <div className={shared['sheetFacts']}>
          <Facts facts={[{ label: t('config.transfer.size'), value: units.bytes(volume.sizeBytes) }]} />
        </div>
        {children}
        {run.state === 'running' ? (
          <Meter
            label={running}
            role="progressbar"
            tone="busy"
            share={run.done / Math.max(1, run.total)}
            text={t('config.transfer.progress', {
              done: units.bytes(run.done),
              total: units.bytes(run.total),
              rate: units.bytesPerSecond(rate),
            })}
          />
        ) : null}
        {run.state === 'done' ? (
          <Callout tone="ok" alert>
            {doneText(run.done)}
          </Callout>
        ) : null}
        {run.state === 'stopped' ? (
          <Callout tone="warn" alert>
            {t('config.transfer.stopped', { done: units.bytes(run.done) })}
          </Callout>
        ) : null}
        {run.state === 'failed' ? (
          <Callout tone="bad" alert>
            {run.problem} {t('config.transfer.stopped', { done: units.bytes(run.done) })}
          </Callout>
        ) : null}
        <code className={shared['command']}>{command}</code>
        <div className={shared['sheetFoot']}>
          <CopyButton text={command} label={t('sheet.copyCommand')} />
          {busy ? (
            <Button variant="default" onClick={props.onStop}>
              {t('config.transfer.stop')}
            </Button>
          ) : (
            <Button variant="default" onClick={props.onClose}>
              {t(run.state === 'done' ? 'common.close' : 'common.cancel')}
            </Button>
          )}
          <Button type="submit" color={danger ? 'brick' : 'iris'} disabled={!ready || stale} loading={busy}>
            {actionLabel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

export function ImportVolume({ of, onClose }: SheetProps): ReactElement | null {
  const { t } = useTranslation();
  const volume = useLive((state) => state.volumes.find((one) => one.name === of));
  const [file, setFile] = useState<File | null>(null);
  const [typed, setTyped] = useState('');
  const { run, start, stop } = useRun();
  if (volume === undefined) return null;
  const { name, sizeBytes } = volume;
  const tooLarge = file !== null && file.size > sizeBytes;
  const send = async (offset: number): Promise<number> => {
    if (file === null) return 0;
    const part = file.slice(offset, offset + CHUNK_BYTES);
    await rpc().volume.write({ volume: name, offset, dataBase64: await base64Of(part), requestId: requestId() });
    return part.size;
  };
  return (
    <Frame
      title={t('config.sheet.import-volume.title', { name })}
      lead={`${t('config.sheet.import-volume.lead')} ${t('config.transfer.rest')} ${t('config.transfer.again')}`}
      actionLabel={t('config.act.import')}
      command={`lockstep volume write ${name} --offset 0 < ${file === null ? 'FILE' : shellWord(file.name)}`}
      volume={volume}
      run={run}
      running={t('config.transfer.sending', { name })}
      doneText={(done) => t('config.transfer.done', { size: units.bytes(done), name })}
      ready={file !== null && file.size > 0 && !tooLarge && typed === name}
      danger
      onStart={() => start(file?.size ?? 0, send)}
      onStop={stop}
      onClose={onClose}
    >
      <FileInput
        size="xs"
        label={t('config.transfer.file')}
        placeholder={t('config.transfer.choose')}
        value={file}
        onChange={setFile}
        disabled={run.state === 'running'}
        error={tooLarge ? t('config.transfer.tooLarge', { size: units.bytes(sizeBytes) }) : undefined}
        valueComponent={({ value }) => (
          <span>
            {value instanceof File
              ? t('config.transfer.chosen', { name: value.name, size: units.bytes(value.size) })
              : null}
          </span>
        )}
      />
      {file === null || tooLarge ? null : (
        <TextInput
          label={t('sheet.typeName', { name })}
          description={t('config.transfer.overwrites', { size: units.bytes(file.size), name })}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          disabled={run.state === 'running'}
        />
      )}
    </Frame>
  );
}

/** Quoted where a shell would read it otherwise. */
export function shellWord(text: string): string {
  return /^[\w.,/@%+=:-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export function ExportVolume({ of, onClose }: SheetProps): ReactElement | null {
  const { t } = useTranslation();
  const volume = useLive((state) => state.volumes.find((one) => one.name === of));
  const { run, start, stop } = useRun();
  const parts = useRef<BlobPart[]>([]);
  if (volume === undefined) return null;
  const { name, sizeBytes } = volume;
  const tooLarge = sizeBytes > MOST_READ_BYTES;
  const fetchPart = async (offset: number): Promise<number> => {
    const length = Math.min(CHUNK_BYTES, sizeBytes - offset);
    const { dataBase64 } = await rpc().volume.read({ volume: name, offset, length });
    // A blob of its own lets the browser put what was read aside instead of keeping it in memory.
    parts.current.push(new Blob([bytesOf(dataBase64)]));
    return length;
  };
  return (
    <Frame
      title={t('config.sheet.export-volume.title', { name })}
      lead={t('config.sheet.export-volume.lead')}
      actionLabel={t('config.act.export')}
      command={`lockstep volume export ${name} ${name}.img`}
      volume={volume}
      run={run}
      running={t('config.transfer.fetching', { name })}
      doneText={(done) => t('config.transfer.saved', { size: units.bytes(done), name })}
      ready={!tooLarge}
      danger={false}
      onStart={() => {
        parts.current = [];
        start(sizeBytes, fetchPart, () => {
          saveBlob(`${name}.img`, new Blob(parts.current, { type: 'application/octet-stream' }));
          parts.current = [];
        });
      }}
      onStop={stop}
      onClose={onClose}
    >
      {tooLarge ? <Callout tone="warn">{t('config.transfer.large')}</Callout> : null}
    </Frame>
  );
}
