"""Settings that make fits of any estimator cheap, where the assertions do not depend on them."""


def few_steps(Estimator, n):
    """Return the parameter that makes an estimator draw in n steps.

    Codes are drawn in the steps of their diffusion, or fewer, which ``sample`` is told.
    """
    has_steps = "n_steps" in Estimator().get_params()
    return {"n_steps" if has_steps else "n_timesteps": n}
