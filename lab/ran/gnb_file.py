"""The gNB file that belongs to the simulator's cell: what srsRAN Project or OCUDU would be started with.

20 MHz at 30 kHz in band 78, 51 resource blocks, slots 1-000001 on; `zmq`, so that nothing could radiate.
"""

from collections.abc import Sequence
from pathlib import Path

from ran_slicing.cell import State, start
from ran_slicing.controller import ControllerSettings
from ran_slicing.gnb_config import read_gnb_files, refuse_fatal
from ran_slicing.settings import CellSettings
from ran_slicing.share import CellShape
from ran_slicing.snssai import Snssai, format_snssai

PLMN = "00101"


def slots_of(count: int) -> list[Snssai]:
    """Slots 1-000001 to 1-00000N."""
    return [Snssai(1, index + 1) for index in range(count)]


def format_gnb_file(slots: Sequence[Snssai], port: int = 8001, period_ms: int = 100) -> str:
    """The file's text."""
    supported = "\n".join(f"              - {{ sst: {each.sst}, sd: {each.sd} }}" for each in slots)
    slicing = "\n".join(f"    - sst: {each.sst}\n      sd: {each.sd}" for each in slots)
    return f"""\
cu_cp:
  amf:
    addr: 127.0.0.5
    supported_tracking_areas:
      - tac: 7
        plmn_list:
          - plmn: "{PLMN}"
            tai_slice_support_list:
              - sst: 1
{supported}
ru_sdr:
  device_driver: zmq
  device_args: tx_port=tcp://127.0.0.1:2000,rx_port=tcp://127.0.0.1:2001,base_srate=23.04e6
cell_cfg:
  band: 78
  channel_bandwidth_MHz: 20
  common_scs: 30
  plmn: "{PLMN}"
  pdsch:
    mcs_table: qam64
  tdd_ul_dl_cfg:
    dl_ul_tx_period: 10
    nof_dl_slots: 7
    nof_dl_symbols: 0
    nof_ul_slots: 2
    nof_ul_symbols: 0
  slicing:
{slicing}
remote_control:
  enabled: true
  bind_addr: 127.0.0.1
  port: {port}
metrics:
  enable_json: true
  periodicity:
    du_report_period: {period_ms}
"""


def new_state(
    slots: Sequence[Snssai],
    shape: CellShape | None = None,
    *,
    sell_ratio: int | None = None,
    keep_ratio: int | None = None,
) -> State:
    """The product's cell as it starts with that file; `shape` where the cell has another size than the file says."""
    config, findings = read_gnb_files([("gnb.yml", format_gnb_file(slots))])
    refuse_fatal(findings)
    usual = ControllerSettings()
    settings = CellSettings(
        gnb_files=(Path("gnb.yml"),),
        slots=tuple(format_snssai(each) for each in slots),
        prbs=shape.prbs if shape else 0,
        downlink_slots_per_s=shape.downlink_slots_per_s if shape else 0,
        sell_ratio=sell_ratio or usual.sell_ratio,
        keep_ratio=keep_ratio or usual.keep_ratio,
    )
    return start(settings, config)
