"""mmengine's log history over a checkpoint."""

from mmengine.logging import MessageHub

from usfm_mm.compat import forget_unsaved


def test_only_what_is_not_saved_is_forgotten():
    hub = MessageHub('former')
    hub.update_scalar('train/loss', 2.0)
    hub.update_scalar('train/images_per_s', 3.0, resumed=False)
    checkpoint = dict(message_hub=hub.state_dict())
    forget_unsaved(checkpoint)
    assert checkpoint['message_hub']['resumed_keys'] == {'train/loss': True}
    assert list(checkpoint['message_hub']['log_scalars']) == ['train/loss']
    forget_unsaved(dict(state_dict={}))  # weights alone
