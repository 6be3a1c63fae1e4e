import type { ReactElement } from 'react';
import { Delete, Rename } from './ChangeSheets.tsx';
import { CreateMirror, ProtectVolume } from './MirrorSheets.tsx';
import { SetLab } from './SetLab.tsx';
import { useSheet, type Deletable, type Noun, type OpenSheet } from './sheets.ts';
import { CreateArray, CreatePool, CreateVolume, GrowVolume } from './StorageSheets.tsx';
import { CreateCluster, CreateLink, CreateServer, CreateSite, SetLink } from './TopologySheets.tsx';
import { ExportVolume, ImportVolume } from './Transfer.tsx';

/** The sheet that the address asks for. */
export function Sheets({ open: { name, of } }: { open: OpenSheet }): ReactElement | null {
  const open = useSheet();
  const props = { of, onClose: () => open(null) };
  switch (name) {
    case 'create-site':
      return <CreateSite {...props} />;
    case 'create-cluster':
      return <CreateCluster {...props} />;
    case 'create-server':
      return <CreateServer {...props} />;
    case 'create-link':
      return <CreateLink {...props} />;
    case 'create-array':
      return <CreateArray {...props} />;
    case 'create-pool':
      return <CreatePool {...props} />;
    case 'create-volume':
      return <CreateVolume {...props} />;
    case 'create-mirror':
      return <CreateMirror {...props} />;
    case 'protect-volume':
      return <ProtectVolume {...props} />;
    case 'grow-volume':
      return <GrowVolume {...props} />;
    case 'set-link':
      return <SetLink {...props} />;
    case 'set-lab':
      return <SetLab {...props} />;
    case 'import-volume':
      return <ImportVolume {...props} />;
    case 'export-volume':
      return <ExportVolume {...props} />;
    default:
      return name.startsWith('rename-') ? (
        <Rename noun={name.slice('rename-'.length) as Noun} {...props} />
      ) : (
        <Delete noun={name.slice('delete-'.length) as Deletable} {...props} />
      );
  }
}
