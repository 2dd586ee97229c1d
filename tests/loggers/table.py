"""TensorBoard's own reading of a folder of runs, as its pages get it."""

from pathlib import Path

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

STATES = ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")


class Table:
    """The page HPARAMS.

    Attributes:
        columns: hyperparameters in their order, and whether they differ.
        measures: tags of metrics in their order; the first five are shown.
        rows: by name of the run its state, hyperparameters and metrics.
    """

    def __init__(self, folder: Path) -> None:
        runs = EventMultiplexer().AddRunsFromDirectory(str(folder))
        runs.Reload()
        context = TBContext(logdir=str(folder), multiplexer=runs, data_provider=MultiplexerDataProvider(runs, ""))
        backend = backend_context.Context(context)
        experiment = get_experiment.Handler(
            RequestContext(), backend, "", api_pb2.GetExperimentRequest(include_metrics=True)
        ).run()
        self.columns = {info.name: info.differs for info in experiment.hparam_infos}
        self.measures = [info.name.tag for info in experiment.metric_infos]
        request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100, allowed_statuses=range(4))
        groups = list_session_groups.Handler(RequestContext(), backend, "", request).run().session_groups
        self.rows = {}
        for group in groups:
            (session,) = group.sessions
            cells = {key: getattr(value, value.WhichOneof("kind")) for key, value in group.hparams.items()}
            metrics = {value.name.tag: value.value for value in session.metric_values}
            self.rows[group.name] = (STATES[session.status], cells, metrics)
