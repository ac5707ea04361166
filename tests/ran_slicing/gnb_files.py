"""gNB files for tests, in the layout of srsRAN Project's and OCUDU's examples."""

BARE = """\
# A gNB with a ZMQ radio.
cu_cp:
  amf:
    addr: 127.0.0.5                 # The address of the AMF.
    supported_tracking_areas:
      - tac: 7
        plmn_list:
          - plmn: "00101"
            tai_slice_support_list:
              - sst: 1
  inactivity_timer: 7200

ru_sdr:
  device_driver: zmq                # no radio
  device_args: tx_port=tcp://127.0.0.1:2000,rx_port=tcp://127.0.0.1:2001,base_srate=23.04e6

cell_cfg:
  dl_arfcn: 368500                  # Centre.
  band: 3
  channel_bandwidth_MHz: 20
  common_scs: 15
  plmn: "00101"
  pdsch:
    mcs_table: qam64                # 64QAM
"""

SOUND = """\
cu_cp:
  amf:
    supported_tracking_areas:
      - tac: 7
        plmn_list:
          - plmn: "00101"
            tai_slice_support_list:
              - sst: 1
              - { sst: 1, sd: 1 }
              - { sst: 1, sd: 42496 }
              - { sst: 1, sd: 0xa601 }
          - plmn: "00102"
            tai_slice_support_list:
              - sst: 1
cell_cfg:
  band: 78
  channel_bandwidth_MHz: 20
  common_scs: 30
  plmn: 00101
  pdsch:
    mcs_table: qam256
  slicing:
    - sst: 1
      sd: 42496
      sched_cfg:
        min_prb_policy_ratio: 0
        max_prb_policy_ratio: 1
        priority: 7
        policy:
          qos_sched:
            combine_function: gbr_prioritized
    - sst: 1
      sd: 42497
ru_sdr:
  device_driver: zmq
remote_control:
  enabled: true
metrics:
  enable_json: true
  periodicity:
    du_report_period: 100
"""
