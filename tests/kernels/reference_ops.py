"""The oracles of all ops under the ops' names, for tests."""
# ruff: noqa: F401

from nbcnn.kernels.avg_pool2d.oracle import avg_pool2d, avg_pool2d_grad
from nbcnn.kernels.conv2d.oracle import conv2d, conv2d_grad_bias, conv2d_grad_input, conv2d_grad_weight
from nbcnn.kernels.cross_entropy.oracle import cross_entropy, cross_entropy_grad
from nbcnn.kernels.elu.oracle import gradient as elu_grad
from nbcnn.kernels.elu.oracle import value as elu
from nbcnn.kernels.gelu.oracle import gradient as gelu_grad
from nbcnn.kernels.gelu.oracle import value as gelu
from nbcnn.kernels.hardswish.oracle import gradient as hardswish_grad
from nbcnn.kernels.hardswish.oracle import value as hardswish
from nbcnn.kernels.leaky_relu.oracle import gradient as leaky_relu_grad
from nbcnn.kernels.leaky_relu.oracle import value as leaky_relu
from nbcnn.kernels.linear.oracle import linear, linear_grad_input, linear_grad_weight
from nbcnn.kernels.log_softmax.oracle import gradient as log_softmax_grad
from nbcnn.kernels.log_softmax.oracle import value as log_softmax
from nbcnn.kernels.max_pool2d.oracle import max_pool2d, max_pool2d_grad
from nbcnn.kernels.relu.oracle import gradient as relu_grad
from nbcnn.kernels.relu.oracle import value as relu
from nbcnn.kernels.sigmoid.oracle import gradient as sigmoid_grad
from nbcnn.kernels.sigmoid.oracle import value as sigmoid
from nbcnn.kernels.silu.oracle import gradient as silu_grad
from nbcnn.kernels.silu.oracle import value as silu
from nbcnn.kernels.softmax.oracle import gradient as softmax_grad
from nbcnn.kernels.softmax.oracle import value as softmax
from nbcnn.kernels.tanh.oracle import gradient as tanh_grad
from nbcnn.kernels.tanh.oracle import value as tanh
